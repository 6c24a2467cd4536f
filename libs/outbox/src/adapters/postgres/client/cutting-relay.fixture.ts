import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Direction = 'up' | 'down';

/** Stands before a server, and breaks a connection after an exact number of bytes in one direction. One at a time. */
export class CuttingRelay {
  /** Bytes passed on in the armed direction since it was armed. */
  passed = 0;
  private armed: Direction | undefined;
  private left = Infinity;
  private onCut = (): void => {};

  private constructor(
    private readonly listener: Server,
    readonly url: URL,
  ) {}

  static async to(target: URL): Promise<CuttingRelay> {
    const listener = createServer((client) => {
      const server = connect(Number(target.port), target.hostname);
      for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => {});
      client.on('data', (bytes) => relay.pass('up', bytes, client, server)).on('close', () => server.destroy());
      server.on('data', (bytes) => relay.pass('down', bytes, server, client)).on('close', () => client.destroy());
    });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const url = new URL(target);
    url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
    const relay = new CuttingRelay(listener, url);
    return relay;
  }

  /** From now on only so many bytes. @returns when there were more */
  cut(direction: Direction, after: number): Promise<void> {
    Object.assign(this, { armed: direction, left: after, passed: 0 });
    return new Promise((resolve) => (this.onCut = resolve));
  }

  close(): void {
    this.listener.close();
  }

  private pass(direction: Direction, bytes: Buffer, from: Socket, to: Socket): void {
    if (this.armed !== direction) return void to.write(bytes);
    const some = bytes.subarray(0, this.left);
    this.left -= some.length;
    this.passed += some.length;
    if (some.length === bytes.length) return void to.write(some);
    this.armed = undefined;
    // An end, and not a reset, which could make the other side's kernel drop what was passed on.
    to.end(some);
    from.destroy();
    this.onCut();
  }
}
