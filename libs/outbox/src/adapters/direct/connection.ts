import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { ClientTCP } from '@nestjs/microservices';
import type { Address } from './direct-options';
import { nestMicroservices, socketProblem } from './nest-microservices';
import { MAX_REPLY, PATTERN, readReply, type Request, type UntrustedReply } from './replies';

/** After this silence the kernel asks whether the other side is still there. */
const KEEP_ALIVE_MS = 15_000;

/**
 * One connection to a peer, from open to gone; it is never re-opened. Many calls share it, and replies come in any
 * order. When it is gone, calls in flight are rejected.
 */
export class Connection {
  /** Resolves with the reason when the connection is gone. */
  readonly gone: Promise<string>;
  private closed = false;
  private calls = 0;
  private retired = false;

  private constructor(private readonly client: ClientTCP) {
    const socket = client.unwrap<Socket>();
    socket.setNoDelay(true); // calls are small and many: none should wait for the acknowledgement of another
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.gone = new Promise((resolve) => {
      let reason = 'the connection was closed';
      socket.once('error', (error) => (reason = socketProblem(error)));
      socket.once('close', () => {
        this.closed = true;
        resolve(reason);
      });
    });
  }

  /** Rejects if the peer cannot be reached, or not before `giveUp` is aborted. */
  static async open(address: Address, tls: ConnectionOptions | undefined, giveUp: AbortSignal): Promise<Connection> {
    const client = quietClient({ ...address, tlsOptions: tls, maxBufferSize: MAX_REPLY });
    const connected = client.connect();
    const socket = client.unwrap<Socket>();
    const destroy = (): void => void socket.destroy(new Error('it took too long to connect'));
    giveUp.addEventListener('abort', destroy);
    try {
      await connected;
      return new Connection(client);
    } finally {
      giveUp.removeEventListener('abort', destroy);
    }
  }

  /** Sends a request. Aborting `forget` drops its reply: the promise then stays as it is. */
  async call(request: Request, forget: AbortSignal): Promise<UntrustedReply> {
    this.calls += 1;
    const ended = (): void => {
      this.calls -= 1;
      if (this.retired && this.calls === 0) this.destroy();
    };
    let forgotten = (): void => {};
    const reply = this.send(request, forget);
    const over = new Promise<void>((resolve) => (forgotten = resolve));
    forget.addEventListener('abort', forgotten, { once: true });
    void Promise.race([reply, over]).then(ended, ended);
    return reply;
  }

  /** Lets the calls in flight end, then closes. */
  retire(): void {
    this.retired = true;
    if (this.calls === 0) this.destroy();
  }

  private send(request: Request, forget: AbortSignal): Promise<UntrustedReply> {
    return new Promise<unknown>((resolve, reject) => {
      // A Nest client without a connection would open a new one, which nobody would ever close.
      if (this.closed) throw new Error('the connection was closed');
      let replied = false;
      const call = this.client.send<unknown>(PATTERN, request).subscribe({
        next: (data) => {
          replied = true;
          resolve(data);
        },
        error: reject,
        complete: () => {
          if (!replied) reject(new Error('the reply was empty'));
        },
      });
      forget.addEventListener('abort', () => call.unsubscribe(), { once: true });
    }).then(readReply);
  }

  /** Ends the connection at once. */
  destroy(): void {
    if (!this.closed) this.client.unwrap<Socket>().destroy();
  }
}

/** A ClientTCP that tells errors to its callers only; Nest's own would write each of them to the log as well. */
function quietClient(options: ConstructorParameters<typeof ClientTCP>[0]): ClientTCP {
  const { ClientTCP } = nestMicroservices();
  class QuietClient extends ClientTCP {
    override handleError(): void {}
  }
  return new QuietClient(options);
}
