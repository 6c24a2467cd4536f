import type { Turns } from '../concurrency/turns';
import {
  type ClaimedDelivery,
  decide,
  EVERYBODY,
  isOverdue,
  type PublishOutcome,
  type Mark,
  type Waits,
} from '../message/delivery';
import type { CancelEnvelope, MessageEnvelope } from '../message/envelope';
import { isPaused, type Pause, pauseText } from '../message/pause';
import { cancelReason, errorText } from '../message/receipt';
import { isOneOf, ON_THE_WAY } from '../message/rules';
import { traceOf } from '../message/trace';
import type { Clock, Random } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { OutboxStore } from '../ports/store';
import type { Transport } from '../ports/transport';
import type { FollowUps } from '../ports/verdicts';
import type { HandOffBuffer } from './hand-off-buffer';
import type { Marks } from './marks';
import type { TokenBucket } from './token-bucket';
import { Window } from './window';

export interface RelaySettings {
  readonly service: string;
  readonly leaseMs: number;
  /** Deliveries in flight at once. */
  readonly window: number;
  readonly giveUpAfterMs: number;
  readonly maxFollowUpAttempts: number;
  readonly alarmAfter: number;
  /** How soon a pause that began or ended is known here. */
  readonly pollIntervalMs: number;
}

export interface RelayParts {
  readonly store: OutboxStore;
  readonly transport: Transport;
  /** What committed here, on its way past the claim. */
  readonly handedOff: HandOffBuffer;
  readonly marks: Marks;
  readonly followUps: FollowUps;
  readonly turns: Pick<Turns, 'next'>;
  readonly rate: TokenBucket;
  readonly waits: Waits;
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
}

/** Most rows one claim takes: enough to fill the pipeline, small enough to be published well within the lease. */
const CLAIM_LIMIT = 500;

/**
 * Moves due deliveries to the transport. Each goes through the same four steps: *claim* (or hand-off) → *publish* →
 * *decide* → *mark*. Any number of relays may run: a lease keeps them off each other's rows, and the states keep a
 * late one from doing harm.
 *
 * If this process dies between any two steps, the lease runs out and another relay repeats the attempt; the consumer's
 * inbox recognises the copy.
 */
export class Relay {
  private readonly window: Window;
  private claimingSince: number | undefined;
  private claimedAt = -Infinity;
  private pauses: readonly Pause[] = [];

  constructor(
    private readonly parts: RelayParts,
    private readonly settings: RelaySettings,
  ) {
    this.window = new Window(settings.window);
  }

  get inFlight(): number {
    return this.window.inFlight;
  }

  get windowUse(): ReturnType<Window['use']> {
    return this.window.use();
  }

  /** Whether anything of the service was paused when it last claimed. */
  get pausing(): boolean {
    return this.pauses.length > 0;
  }

  /** For how long claims have been asked for without one that returned. */
  get claimOverdueMs(): number {
    return this.claimingSince === undefined ? 0 : Math.round(this.parts.clock.monotonic() - this.claimingSince);
  }

  /**
   * One sweep: claims what is due, as far as window and rate have room, and starts publishing it.
   * @returns how many rows it took or held; 0 also while the transport is not ready, when nothing is claimed
   * @throws whatever the store throws
   */
  async runOnce(): Promise<number> {
    const limit = Math.max(0, Math.min(this.window.claimable(), this.parts.rate.claimable(), CLAIM_LIMIT));
    if (!this.parts.transport.ready || (limit === 0 && !this.mustLook())) return 0;
    const { service: source, leaseMs, giveUpAfterMs, maxFollowUpAttempts } = this.settings;
    const leaseToken = this.parts.random.token();
    const publishBefore = this.parts.clock.monotonic() + leaseMs - this.parts.transport.publishTimeoutMs;
    this.claimingSince ??= this.parts.clock.monotonic();
    const { deliveries, parked, held, waiting, pauses } = await this.parts.store.claim({
      limit,
      leaseToken,
      leaseMs,
      except: this.window.full(),
      maxFollowUpAttempts,
      giveUpAfterMs,
      source,
    });
    this.claimingSince = undefined;
    this.claimedAt = this.parts.clock.monotonic();
    const rows = deliveries.length + parked.length + held;
    this.parts.monitor.record({ event: 'relay.batch', step: 'claim', rows });
    this.learn(pauses);
    for (const row of parked) this.parts.monitor.record({ event: 'delivery.parked', ...row });
    // K6: the claim saw what was committed when it began.
    for (const key of waiting) void this.parts.turns.next(key);
    for (const delivery of deliveries) {
      if (this.window.enter(delivery.consumer)) this.start(delivery, publishBefore);
      else this.mark(delivery, { kind: 'release', waitMs: 0 });
    }
    return rows;
  }

  /** A full window is full of hand-offs perhaps, and they would never ask whether they may. */
  private mustLook(): boolean {
    return this.parts.clock.monotonic() - this.claimedAt >= this.settings.pollIntervalMs;
  }

  private learn(pauses: readonly Pause[]): void {
    const before = this.pauses;
    this.pauses = pauses;
    if (pauses.length === 0 && before.length === 0) return;
    const isIn = (list: readonly Pause[], { since, ...one }: Pause): boolean =>
      list.some((each) => each.since === since && pauseText(each) === pauseText(one));
    for (const pause of pauses)
      if (!isIn(before, pause)) {
        const { since, by, reason } = pause;
        this.parts.monitor.record({ event: 'relay.paused', target: pauseText(pause), since, by, reason });
      }
    for (const pause of before)
      if (!isIn(pauses, pause)) this.parts.monitor.record({ event: 'relay.resumed', target: pauseText(pause) });
  }

  /** Resolves when another sweep has room for more than a few rows. */
  room(): Promise<void> {
    return this.window.room();
  }

  /** Publishes nothing more, finishes what is in flight, gives back the leases of the rest. */
  async drain(): Promise<void> {
    this.release(this.parts.handedOff.close());
    await this.window.empty();
    await this.parts.marks.drain();
  }

  /** Gives leases back that nobody will use. */
  release(deliveries: readonly ClaimedDelivery[]): void {
    for (const delivery of deliveries) this.mark(delivery, { kind: 'release', waitMs: 0 });
  }

  /** Publishes what was handed off, as far as the window has room; the rest when there is room again. */
  takeHandedOff(): void {
    for (const { delivery, publishBefore } of this.parts.handedOff.take((consumer) => this.window.enter(consumer))) {
      this.start(delivery, publishBefore);
    }
  }

  private start(delivery: ClaimedDelivery, publishBefore: number): void {
    this.parts.rate.take();
    void this.run(delivery, publishBefore);
  }

  /** One attempt in the background; its slot in the window is already taken. Never rejects. */
  private async run(delivery: ClaimedDelivery, publishBefore: number): Promise<void> {
    try {
      await this.attempt(delivery, publishBefore);
    } catch (error) {
      // The database failed: the lease runs out and the sweep repeats the attempt.
      this.parts.monitor.record({ event: 'relay.failed', step: 'mark', error: errorText(error) });
    } finally {
      this.window.leave(delivery.consumer);
      this.takeHandedOff();
    }
  }

  private async attempt(delivery: ClaimedDelivery, publishBefore: number): Promise<void> {
    // R16: too little of the lease is left; whoever claims the row next would publish it as well.
    if (this.parts.clock.monotonic() > publishBefore) {
      this.parts.monitor.record({ event: 'delivery.lease-ran-short' });
      return;
    }
    // Handed off, or claimed by somebody who did not know yet. Given back it is due, and the next claim holds it.
    if (isOneOf(ON_THE_WAY, delivery.state) && isPaused(this.pauses, delivery.consumer, delivery.message.type)) {
      await this.parts.marks.write(delivery, { kind: 'release', waitMs: 0 });
      return;
    }
    if (isOverdue(delivery, this.settings.alarmAfter)) {
      const { messageId, consumer, state, attempt, message } = delivery;
      this.parts.monitor.record({ event: 'delivery.overdue', messageId, consumer, type: message.type, state, attempt });
    }
    const mark =
      delivery.state === 'answered'
        ? await this.parts.followUps.finish(delivery)
        : decide(delivery, await this.publish(delivery, publishBefore), this.parts.waits);
    if (mark) await this.parts.marks.write(delivery, mark);
  }

  private async publish(delivery: ClaimedDelivery, before: number): Promise<PublishOutcome> {
    const to = delivery.consumer === EVERYBODY ? undefined : delivery.consumer;
    const began = this.parts.clock.monotonic();
    const outcome = await this.parts.transport.publish(this.envelope(delivery), to, before);
    const tookMs = Math.round(this.parts.clock.monotonic() - began);
    const { messageId, consumer, state, attempt, message } = delivery;
    const { type, recordedAt } = message;
    this.parts.monitor.record({
      event: 'delivery.published',
      outcome: outcome.kind,
      type,
      consumer,
      state,
      recordedAt,
      tookMs,
    });
    if (outcome.kind === 'refused' || outcome.kind === 'unknown' || outcome.kind === 'returned') {
      const error = outcome.kind === 'returned' ? 'returned: routed to nobody' : `${outcome.kind}: ${outcome.error}`;
      this.parts.monitor.record({ event: 'delivery.attempt-failed', messageId, consumer, attempt, error });
    }
    return outcome;
  }

  private envelope(delivery: ClaimedDelivery): MessageEnvelope | CancelEnvelope {
    const { message, attempt, deadlineAt } = delivery;
    if (delivery.state === 'cancelling') {
      const { id: messageId, source, recordedAt } = message;
      const reason = cancelReason(delivery.cancelReason);
      const { service: replyTo } = this.settings;
      const trace = traceOf(message.headers);
      return { kind: 'cancel', messageId, source, recordedAt, attempt, replyTo, reason, trace };
    }
    const replyTo = delivery.consumer === EVERYBODY ? undefined : this.settings.service;
    return { kind: 'message', message, attempt, deadlineAt, replyTo };
  }

  private mark(delivery: ClaimedDelivery, mark: Mark): void {
    this.parts.marks
      .write(delivery, mark)
      .catch((error) => this.parts.monitor.record({ event: 'relay.failed', step: 'mark', error: errorText(error) }));
  }
}
