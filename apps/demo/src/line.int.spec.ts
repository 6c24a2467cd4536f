import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Cleanup } from '@tallystick/services';
import { layLine, laySlowLine, type Routes } from './line';

/** Against a server that says whatever is said to it. */
describe('What is between the services and their servers', () => {
  const cleanup = new Cleanup();
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(async () => {
    await cleanup.run();
    server.close();
  });

  async function connected(url: string): Promise<Socket> {
    const socket = connect({ host: new URL(url).hostname, port: Number(new URL(url).port) });
    await once(socket, 'connect');
    return socket.on('error', () => {});
  }
  async function echoed(socket: Socket): Promise<string> {
    socket.write('hello');
    return String((await once(socket, 'data'))[0]);
  }
  const layTo = (ours?: { flush(): Promise<void>; kill(): Promise<void>; start(): Promise<void> }): Promise<Routes> =>
    layLine(
      { transport: 'rabbitmq', why: '', broker: `amqp://ada:s%40fe@127.0.0.1:${port}/shop`, ...(ours && { ours }) },
      '',
      cleanup,
    );

  it('leads both to the broker, with the same login', async () => {
    const { brokers } = await layTo();
    for (const url of Object.values(brokers!)) {
      expect(url).toMatch(/^amqp:\/\/ada:s%40fe@127\.0\.0\.1:\d+\/shop$/);
      const socket = await connected(url);
      expect(await echoed(socket)).toBe('hello');
      socket.destroy();
    }
  });

  it('cuts both off from a broker of somebody else, and lets them come back', async () => {
    const { brokers, brokerSwitch } = await layTo();
    const sockets = await Promise.all(Object.values(brokers!).map(connected));
    for (const socket of sockets) await echoed(socket);
    // `once` of events would reject: a connection that is cut ends with an error.
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await brokerSwitch!.off();
    await Promise.all(closed);
    for (const url of Object.values(brokers!)) await expect(connected(url)).rejects.toThrow('ECONNREFUSED');
    await brokerSwitch!.on();
    const again = await connected(brokers!.user);
    expect(await echoed(again)).toBe('hello');
    again.destroy();
  });

  it('kills a broker that is ours, once it has written down what it knows', async () => {
    const done: string[] = [];
    const noted = (what: string) => (): Promise<void> => Promise.resolve(void done.push(what));
    const { brokerSwitch } = await layTo({ flush: noted('flush'), kill: noted('kill'), start: noted('start') });
    await brokerSwitch!.off();
    await brokerSwitch!.on();
    expect(done).toEqual(['flush', 'kill', 'start']);
  });

  it('does not get between anybody and a broker with TLS', async () => {
    const broker = 'amqps://broker.example/shop';
    expect(await layLine({ transport: 'rabbitmq', why: '', broker }, 'here:1', cleanup)).toEqual({
      brokers: { user: broker, order: broker },
      addressOfOrders: 'here:1',
    });
  });

  it.each([
    ['a socket', 'postgresql:///shop?host=/var/run/postgresql'],
    ['a name that is checked', 'postgresql://db.example/shop?sslmode=verify-full'],
  ])('does not get between anybody and a database through %s', async (_, url) => {
    expect(await laySlowLine(url, cleanup)).toBeUndefined();
  });
});
