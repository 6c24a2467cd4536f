import { InvalidOptionsError } from '../../errors';
import { brokerAccess } from './broker-access';
import { describeAddress } from './connection';
import { type RabbitMqOptions, rabbitMqSettings } from './rabbitmq-options';

const url = 'amqp://shop:s3cr%2Fet@broker.internal/my%2Fhost';

describe('the options of rabbitMq()', () => {
  it('have defaults', () => {
    expect(rabbitMqSettings({})).toEqual({
      urls: [],
      prefix: 'outbox',
      user: undefined,
      users: undefined,
      publishTimeoutMs: 10_000,
      heartbeatSeconds: undefined,
      idleResubscribeMs: 60_000,
      bundles: true,
      tls: undefined,
    });
  });

  it('are refused with all problems at once, and with the name that was meant', () => {
    const options = {
      publishTimeOut: '1s',
      prefix: 'has space',
      heartbeatSeconds: 0.5,
      idleResubscribe: 'soon',
      bundles: 'no',
    };

    expect(() => rabbitMqSettings(options as object)).toThrow(InvalidOptionsError);
    for (const problem of [
      "unknown option 'publishTimeOut'. Did you mean 'publishTimeout'?",
      'prefix is "has space"',
      'heartbeatSeconds 0.5 must be a whole number from 1',
      'idleResubscribe "soon" is no duration',
      'bundles "no" must be true or false',
    ]) {
      expect(() => rabbitMqSettings(options as object)).toThrow(problem);
    }
  });

  it.each(['http://user:s3cret@host', 'host:5672', 'amqp://', 'amqp://user:s3cret%@host', ''])(
    'name no broker with %j, and the message does not show the password',
    (bad) => {
      const error = refusal({ url: ['amqp://fine', bad] });
      expect(error.message).toContain('url 2 of 2');
      expect(error.message).not.toContain('s3cret');
    },
  );

  it('ask for a check of the sender together with a user', () => {
    expect(rabbitMqSettings({ user: 'shop' }).users).toEqual({});
    expect(refusal({ users: { 'order-service': 'orders' } }).message).toContain('users is given without user');
    const { message } = refusal({ user: '', users: { 'order-service': 7 as unknown as string } });
    expect(message).toContain('user is ""');
    expect(message).toContain("users['order-service'] is 7");
  });

  it('must name a broker if they name any', () => {
    expect(refusal({ url: [] }).message).toContain('url is an empty list');
  });
});

describe('how the broker is reached', () => {
  const nobody = { resolve: () => undefined };

  it('is read from the url, decoded once', () => {
    const { addresses } = brokerAccess(rabbitMqSettings({ url }), nobody);

    expect(addresses).toEqual([
      expect.objectContaining({
        protocol: 'amqp',
        hostname: 'broker.internal',
        username: 'shop',
        password: 's3cr/et',
        vhost: 'my%2Fhost', // amqplib decodes this one
        heartbeat: 15,
      }),
    ]);
  });

  it('prefers the heartbeat of the option to that of the url, and that to the default', () => {
    const heartbeat = (options: RabbitMqOptions): unknown =>
      brokerAccess(rabbitMqSettings(options), nobody).addresses[0]!.heartbeat;

    expect(heartbeat({ url: `${url}?heartbeat=30` })).toBe(30);
    expect(heartbeat({ url: `${url}?heartbeat=30`, heartbeatSeconds: 5 })).toBe(5);
  });

  it('is read from golevelup, with its socket options; ours go on top', () => {
    const configuration = {
      uri: [url, { protocol: 'amqps', hostname: 'second', username: 'shop' }],
      connectionManagerOptions: { heartbeatIntervalInSeconds: 7, connectionOptions: { ca: 'theirs', servername: 'x' } },
    };

    const { addresses, socket } = brokerAccess(rabbitMqSettings({ tls: { ca: 'ours' } }), {
      resolve: <T>() => ({ configuration }) as T,
    });

    expect(addresses.map(describeAddress)).toEqual(['amqp://broker.internal:5672/my%2Fhost', 'amqps://second:5671/']);
    expect(addresses.map(({ heartbeat }) => heartbeat)).toEqual([7, 7]);
    expect(socket).toEqual({ ca: 'ours', servername: 'x' });
  });

  it('is shown without user and password', () => {
    const [address] = brokerAccess(rabbitMqSettings({ url }), nobody).addresses;
    expect(describeAddress(address!)).toBe('amqp://broker.internal:5672/my%2Fhost');
  });
});

function refusal(options: RabbitMqOptions): Error {
  try {
    rabbitMqSettings(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not refused');
}
