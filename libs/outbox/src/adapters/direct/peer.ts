import { describeMs } from '../../message/duration';
import type { PublishOutcome } from '../../message/delivery';
import type { WireEnvelope } from '../../message/envelope';
import { errorText } from '../../message/receipt';
import { type Address, addressText, type DirectSettings } from './direct-options';
import { Lane } from '../../concurrency/lane';
import { Link, type LinkDeps } from './link';
import type { UntrustedReply } from './replies';
import { TimeLimit } from './time-limit';

/** Most calls that wait for a place in the window. The relay, which waits for them, has fewer in flight. */
const WAITING_ROOM = 1_000;

/** How a call ended. What was certainly not taken by the peer is told apart, with the reason. */
export type CallOutcome = PublishOutcome | { kind: 'not-sent'; error: string };

/** Makes something of a reply. May reject. */
export type ReadReply = (reply: UntrustedReply) => Promise<PublishOutcome>;

/** Another service: one connection and a window of calls in flight on it. */
export class Peer {
  private readonly link: Link;
  private readonly window: Lane;
  /** How many replies there were: tells a slow peer from a silent one. */
  private replies = 0;

  constructor(
    readonly service: string,
    private readonly address: Address,
    private readonly settings: Pick<DirectSettings, 'timeoutMs' | 'window' | 'tls'>,
    private readonly deps: LinkDeps,
  ) {
    this.link = new Link(address, settings, deps);
    this.window = new Lane(settings.window, WAITING_ROOM);
  }

  /** False while it is known that there is no connection to be had. */
  get reachable(): boolean {
    return this.link.reachable;
  }

  /**
   * Calls the peer and lets `read` make something of the reply. Never rejects. Waits no longer than the time-out for a
   * place in the window, and from then on takes no longer than the time-out, connecting and `read` included.
   */
  async call(wire: WireEnvelope, read: ReadReply): Promise<CallOutcome> {
    if (!this.reachable) return this.unreachable();
    const patience = new TimeLimit(this.deps.clock, this.settings.timeoutMs);
    const exchange = (): Promise<CallOutcome> => {
      patience.stop();
      return this.exchange(wire, read);
    };
    const outcome = await this.window.runUnlessFull(exchange, patience.over);
    patience.stop();
    return (
      outcome ?? {
        kind: 'not-sent',
        error: `${this}: ${this.settings.window} calls are in flight (\`window\` of direct()), and none ended within ${describeMs(this.settings.timeoutMs)} (\`timeout\`)`,
      }
    );
  }

  /** The process that answered cannot do it, another one behind the same address may. */
  askAnother(): void {
    this.link.renew();
  }

  async close(): Promise<void> {
    this.window.close();
    await this.link.close();
  }

  private async exchange(wire: WireEnvelope, read: ReadReply): Promise<CallOutcome> {
    const time = new TimeLimit(this.deps.clock, this.settings.timeoutMs);
    try {
      const connection = this.reachable && (await time.within(this.link.connection()).catch(() => undefined));
      if (!connection) return this.unreachable();

      const repliesBefore = this.replies;
      const answer = connection.call({ wire }, time.over).then((reply) => {
        this.replies += 1;
        this.link.answered();
        return read(reply);
      });
      const outcome = await time.within(answer);
      if (outcome) return outcome;
      // Not one reply in all that time: a frozen peer, or a connection that only this side still believes in. The kernel
      // may take a quarter of an hour to notice the latter, a new connection takes milliseconds.
      if (this.replies === repliesBefore) connection.destroy();
      return this.unknown(`no answer within ${describeMs(this.settings.timeoutMs)} (\`timeout\` of direct())`);
    } catch (error) {
      return this.unknown(errorText(error));
    } finally {
      time.stop();
    }
  }

  private unreachable(): CallOutcome {
    return { kind: 'not-sent', error: `${this}: ${this.link.trouble}` };
  }

  private unknown(error: string): CallOutcome {
    return { kind: 'unknown', error: `${this}: ${error}` };
  }

  toString(): string {
    return `${this.service} at ${addressText(this.address)}`;
  }
}
