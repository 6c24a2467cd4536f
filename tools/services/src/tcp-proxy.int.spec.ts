import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Client } from 'pg';
import { Cleanup, TcpProxy, testDatabase, until } from './index';

describe('TcpProxy', () => {
  let cleanup: Cleanup;
  let echo: Server;
  let proxy: TcpProxy;
  /** What the server got. */
  let received: string;

  beforeEach(async () => {
    cleanup = new Cleanup();
    received = '';
    echo = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        received += bytes;
        socket.write(bytes);
      });
    });
    echo.listen(0, '127.0.0.1');
    cleanup.defer(() => echo.close());
    await once(echo, 'listening');
    proxy = new TcpProxy({ targetPort: serverPort() });
    cleanup.defer(() => proxy.close());
    await proxy.listen();
  });
  afterEach(() => cleanup.run());

  const serverPort = (): number => (echo.address() as AddressInfo).port;

  interface Conversation {
    socket: Socket;
    heard: () => string;
    /** The code of the error that ended it, or 'end'. */
    over: Promise<string>;
  }

  async function dial(port = proxy.port): Promise<Conversation> {
    const socket = connect(port, '127.0.0.1');
    cleanup.defer(() => socket.destroy());
    let heard = '';
    socket.on('data', (bytes) => (heard += bytes));
    const over = new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
      socket.on('end', () => resolve('end'));
    });
    await once(socket, 'connect');
    return { socket, heard: () => heard, over };
  }

  it('passes bytes both ways, and the end of the connection', async () => {
    const { socket, heard, over } = await dial();
    socket.write('hello');
    await until('the echo arrives', () => heard() === 'hello');
    socket.end();
    await expect(over).resolves.toBe('end');
    await until('the connection is forgotten', () => proxy.connections === 0);
  });

  it('passes more than its queue can hold to a slow reader', async () => {
    const { socket } = await dial();
    const size = 20 * 1024 * 1024;
    let length = 0;
    socket.pause();
    socket.removeAllListeners('data');
    socket.on('data', (bytes) => (length += bytes.length));
    socket.pause();
    socket.end(Buffer.alloc(size, 'x'));
    await until('the resistance reaches the writer', () => proxy.connections === 1 && socket.writableLength > 0);
    socket.resume();
    await until('everything comes back', () => length === size);
  });

  it('cut: breaks what is connected and accepts new connections', async () => {
    const { over } = await dial();
    await until('it is passed on', () => proxy.connections === 1);
    proxy.cut();
    await expect(over).resolves.toBe('ECONNRESET');

    const again = await dial();
    again.socket.write('again');
    await until('the echo arrives', () => again.heard() === 'again');
  });

  it('refuse: nobody listens, until somebody does again on the same port', async () => {
    const before = await dial();
    await proxy.refuse(true);
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    before.socket.write('still here');
    await until('an older connection goes on', () => before.heard() === 'still here');

    await proxy.refuse(false);
    const after = await dial();
    after.socket.write('back');
    await until('the echo arrives', () => after.heard() === 'back');
  });

  it.each([
    ['up', false],
    ['down', true],
    ['both', false],
  ] as const)('freeze(%s): holds bytes back and breaks nothing, thaw() lets them go', async (direction, arrives) => {
    const { socket, heard } = await dial();
    socket.write('.');
    await until('the connection works', () => heard() === '.');

    proxy.freeze(direction);
    socket.write('question');
    if (arrives) await until('the server hears it', () => received === '.question');
    const beside = await dial(serverPort());
    beside.socket.write('beside');
    await until('a round trip beside the proxy is over', () => beside.heard() === 'beside');
    expect(received.includes('question')).toBe(arrives);
    expect(heard()).toBe('.');
    expect(socket.destroyed).toBe(false);

    proxy.thaw();
    await until('the answer arrives', () => heard() === '.question');
  });

  it('delay: bytes arrive later, in order', async () => {
    const { socket, heard } = await dial();
    proxy.delay(40);
    const start = performance.now();
    socket.write('a');
    await until('the first byte reached the server', () => received === 'a', { everyMs: 1 });
    proxy.delay(0);
    socket.write('b');
    await until('the echo arrives', () => heard() === 'ab', { everyMs: 1 });
    expect(performance.now() - start).toBeGreaterThanOrEqual(39);
  });

  it('cutBefore: the server never gets the bytes', async () => {
    const tripped = proxy.onceUpstreamContains('COMMIT', 'cutBefore');
    const { socket, over } = await dial();
    socket.write('insert;');
    await until('the first statement arrives', () => received === 'insert;');
    socket.write('COMMIT;');
    await tripped;
    await expect(over).resolves.toBe('ECONNRESET');
    expect(received).toBe('insert;');
  });

  it('sees bytes that arrive in two pieces, and only once', async () => {
    const seen = jest.fn();
    const tripped = proxy.onceUpstreamContains('COMMIT', seen);
    const { socket, heard } = await dial();
    socket.write('COM');
    await until('the first half arrives', () => received === 'COM');
    socket.write('MIT;');
    await tripped;
    socket.write('COMMIT;');
    await until('everything comes back', () => heard() === 'COMMIT;COMMIT;');
    expect(seen).toHaveBeenCalledTimes(1);
  });

  it('cutAfter: PostgreSQL commits, and the client cannot know', async () => {
    const database = await testDatabase('proxy');
    const direct = new Client(database);
    await direct.connect();
    cleanup.defer(() => direct.end());
    await direct.query('create table note (text text)');

    const postgres = new TcpProxy({ targetPort: Number(new URL(database).port) });
    cleanup.defer(() => postgres.close());
    const url = new URL(database);
    url.port = String(await postgres.listen());
    const client = new Client(url.href);
    client.on('error', () => {});
    await client.connect();
    await client.query('begin');
    await client.query(`insert into note values ('kept')`);
    const tripped = postgres.onceUpstreamContains('commit', 'cutAfter');
    await expect(client.query('commit')).rejects.toThrow(/ECONNRESET|Connection terminated/);
    await tripped;

    await until('the transaction is committed', async () => {
      const { rows } = await direct.query('select text from note');
      return rows.length === 1;
    });
  });
});
