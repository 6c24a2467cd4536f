import { testBroker } from '@tallystick/services';
import { connect } from './connection';
import { needsPerson } from './topology';

describe('A virtual host that does not exist', () => {
  it('is named, with what to do, and calls for a person', async () => {
    const { hostname, port, username, password } = new URL(await testBroker('vhost'));
    const address = { hostname, port: Number(port), username, password, vhost: 'there%2Fis%20none' };

    const problem: unknown = await connect({ addresses: [address], socket: {} }, 'test').catch(
      (error: unknown) => error,
    );

    expect(String(problem)).toContain("the virtual host 'there/is none' does not exist");
    expect(String(problem)).not.toContain(password);
    expect(needsPerson(problem)).toBe(true);
  });
});
