import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
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

describe('A broker that takes the connection and says nothing', () => {
  it('is given up after its time, which is told', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      const connecting = connect({ addresses: [{ hostname: '127.0.0.1', port }], socket: { timeout: 50 } }, 'test');
      await expect(connecting).rejects.toThrow(`amqp://127.0.0.1:${port}/: no answer within 50 ms`);
    } finally {
      sockets.forEach((socket) => socket.destroy());
      silent.close();
    }
  });
});
