import { OperationRefusedError, UnknownDeliveryError } from '../errors';
import { type Duration, toMs } from '../message/duration';
import type { DeliveryKey } from '../message/delivery';
import type { HandOff } from '../ports/hand-off';
import type { DeliveryFilter, DeliveryRecord, OutboxStats, OutboxStore } from '../ports/store';

/**
 * What a person does with deliveries that the protocol cannot finish by itself. Everything here keeps the promise: a
 * retry sends the same message again, a verdict is never overwritten, and `discard` refuses while somebody may still act.
 */
export class OutboxOperations {
  /** @param service whose deliveries: several services may share the tables */
  constructor(
    private readonly service: string,
    private readonly store: OutboxStore,
    private readonly handOff: HandOff,
    private readonly askToCancel: (id: string, options: { reason: string; to?: string }) => Promise<unknown>,
  ) {}

  /** Deliveries by state, type, receiver or error code; oldest first, at most `limit` (100). */
  list(filter: Partial<DeliveryFilter> = {}): Promise<DeliveryRecord[]> {
    const limit = filter.limit ?? 100;
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1000)
      throw new RangeError(`limit ${limit} is no whole number from 1 to 1000`);
    return this.store.list(this.service, { ...filter, limit });
  }

  /** Asks the consumer to give a message up, a parked one too: as `Outbox.cancel`. The consumer decides. */
  async cancel(id: string, options: { reason: string; to?: string }): Promise<void> {
    await this.askToCancel(id, options);
  }

  stats(): Promise<OutboxStats> {
    return this.store.stats(this.service);
  }

  /**
   * Opens parked deliveries again, with a fresh budget: to its follow-up if the verdict is known, to cancelling if the
   * deadline has passed (give a new `deadline` to send it again instead), else to pending. A message older than the
   * consumer's horizon can only be answered from the inbox, never executed.
   * @throws UnknownDeliveryError if there is none · OperationRefusedError if none is parked
   */
  async retry(id: string, options: { to?: string; deadline?: Duration } = {}): Promise<DeliveryKey[]> {
    const deadlineMs = options.deadline === undefined ? undefined : toMs(options.deadline);
    if (options.deadline !== undefined && !deadlineMs)
      throw new TypeError(`deadline ${JSON.stringify(options.deadline)} is no duration: write milliseconds or '15m'.`);
    const changed = await this.store.retry(id, {
      ...(options.to !== undefined && { to: options.to }),
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
    if (changed.length === 0) await this.refuse(id, options.to, 'Only a parked delivery can be retried');
    this.handOff.wake();
    return changed;
  }

  /**
   * Ends parked deliveries for good, without verdict: neither goods nor refund. Refused, unless `force`, while the
   * consumer might still act on a copy: cancel it first. A verdict that arrives later is kept and alarmed, and runs
   * nothing: the person who discarded owns the difference.
   * @throws UnknownDeliveryError · OperationRefusedError
   */
  async discard(id: string, reason: string, options: { to?: string; force?: boolean } = {}): Promise<DeliveryKey[]> {
    const changed = await this.store.discard(id, {
      ...(options.to !== undefined && { to: options.to }),
      reason,
      force: options.force ?? false,
    });
    if (changed.length === 0) {
      await this.refuse(
        id,
        options.to,
        'Only a parked delivery can be discarded, and without { force: true } only after its cancel went unanswered, it expired, or its verdict cannot be applied. Try cancel() first',
      );
    }
    return changed;
  }

  private async refuse(id: string, to: string | undefined, rule: string): Promise<never> {
    const found = (await this.store.find(id)).filter(({ consumer }) => to === undefined || consumer === to);
    if (found.length === 0)
      throw new UnknownDeliveryError(`No delivery of message ${id}${to === undefined ? '' : ` to '${to}'`} is known.`);
    const states = found
      .map(
        ({ consumer, state, lastError }) => `${consumer}: ${state}${lastError ? ` (${lastError.split(':')[0]})` : ''}`,
      )
      .join(', ');
    throw new OperationRefusedError(`${rule}. Message ${id} is at ${states}.`);
  }
}
