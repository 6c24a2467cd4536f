import { AsyncLocalStorage } from 'node:async_hooks';
import type { PublishOutcome } from '../../message/delivery';
import type { Clock } from '../../ports/clock';
import { bundleOf, HEAD_BYTES, MAX_BUNDLE_BYTES, type Member, memberOf } from './bundle';
import type { Publisher } from './publisher';
import { type Outgoing, publishProblem } from './wire';

interface Waiting extends Member {
  /** By the monotonic clock; it must not leave later. */
  readonly before: number;
  readonly resolve: (outcome: PublishOutcome) => void;
}

/** What goes to one exchange with one routing key. There is one while something is under way there. */
interface Lane {
  underWay: number;
  waiting: Waiting[];
  bytes: number;
}

/**
 * What is to go to one place while something is on its way there already travels together, in one AMQP message: it waits until
 * the next confirm comes, or until a bundle is full. So at most one bundle is kept in memory per place, and
 * nothing waits for longer than one publish takes. With nothing under way, a message leaves at once and alone.
 */
export class Bundler {
  private readonly lanes = new Map<string, Lane>();
  /** A bundle belongs to none of its members' traces, nor to that of whoever happened to let it go. */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();

  constructor(
    private readonly publisher: Pick<Publisher, 'publish' | 'maxBodyBytes'>,
    private readonly clock: Clock,
  ) {}

  /**
   * Never rejects. All members of a bundle have the outcome of the bundle.
   * @param most how many its consumer takes in one; 1: it goes alone, whatever else is under way
   * @param before if it cannot leave until then, it is *unavailable*
   */
  publish(outgoing: Outgoing, most: number, before = Infinity): Promise<PublishOutcome> {
    if (most < 2) return this.publisher.publish(outgoing);
    const address = `${outgoing.exchange}/${outgoing.routingKey}`;
    const lane = this.lanes.get(address);
    return lane ? this.wait(address, lane, outgoing, most, before) : this.begin(address, outgoing);
  }

  private async begin(address: string, outgoing: Outgoing): Promise<PublishOutcome> {
    const lane: Lane = { underWay: 1, waiting: [], bytes: HEAD_BYTES };
    this.lanes.set(address, lane);
    const outcome = await this.publisher.publish(outgoing);
    this.published(address, lane);
    return outcome;
  }

  private wait(address: string, lane: Lane, outgoing: Outgoing, most: number, before: number): Promise<PublishOutcome> {
    const limit = Math.min(MAX_BUNDLE_BYTES, this.publisher.maxBodyBytes ?? Infinity);
    // What is wrong with one must not become the fate of all.
    const problem = publishProblem(outgoing, this.publisher.maxBodyBytes);
    if (problem !== undefined) return Promise.resolve({ kind: 'refused', error: problem });
    const member = memberOf(outgoing);
    if (HEAD_BYTES + member.bytes > limit) return this.publisher.publish(outgoing);
    if (lane.bytes + member.bytes > limit) this.leave(address, lane);
    return new Promise((resolve) => {
      lane.waiting.push({ ...member, before, resolve });
      lane.bytes += member.bytes;
      if (lane.waiting.length >= most) this.leave(address, lane);
    });
  }

  private published(address: string, lane: Lane): void {
    lane.underWay -= 1;
    if (lane.waiting.length > 0) this.leave(address, lane);
    if (lane.underWay === 0) this.lanes.delete(address);
  }

  /** Sends what waits, but for what has waited too long (R16). */
  private leave(address: string, lane: Lane): void {
    const waiting = lane.waiting;
    lane.waiting = [];
    lane.bytes = HEAD_BYTES;
    const now = this.clock.monotonic();
    const late = waiting.filter(({ before }) => now > before);
    const members = late.length === 0 ? waiting : waiting.filter(({ before }) => now <= before);
    for (const { resolve } of late) resolve({ kind: 'unavailable' });
    if (members.length > 0) void this.send(address, lane, members);
  }

  private async send(address: string, lane: Lane, members: readonly Waiting[]): Promise<void> {
    lane.underWay += 1;
    const outgoing = members.length === 1 ? members[0]!.outgoing : bundleOf(members);
    const outcome = await this.inOwnContext(() => this.publisher.publish(outgoing));
    for (const { resolve } of members) resolve(outcome);
    this.published(address, lane);
  }
}
