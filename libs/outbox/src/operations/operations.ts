import { FilterTooBroadError, InvalidFilterError, OperationRefusedError, UnknownDeliveryError } from '../errors';
import { type Duration, noDuration, toMs } from '../message/duration';
import type { DeliveryKey } from '../message/delivery';
import { type Pause, type PauseTarget, pauseText } from '../message/pause';
import { refuseUnknownOptions } from '../message/options';
import type { Clock, Random } from '../ports/clock';
import type { BulkJob, BulkVerb } from '../ports/jobs';
import type { HandOff } from '../ports/hand-off';
import {
  type AuditRecord,
  type DeliveryHistoryEntry,
  type DeliveryRecord,
  type OutboxStats,
  type OutboxStore,
  SearchTookTooLongError,
} from '../ports/store';
import { BulkJobs, type BulkWatch } from './bulk';
import { criteriaOf, type DeliveryFilter, filterText } from './filter';

/** A claim compares every due row with them. */
const MAX_PAUSES = 50;
/** Who did it, where the caller does not say. */
const NOBODY = 'unknown';

/**
 * What a person does with deliveries that the protocol cannot finish by itself. Everything here keeps the promise: a
 * retry sends the same message again, a verdict is never overwritten, and `discard` refuses while somebody may still act.
 */
export class OutboxOperations {
  private readonly bulkJobs: BulkJobs;

  /** @param service whose deliveries: several services may share the tables */
  constructor(
    readonly service: string,
    private readonly store: OutboxStore,
    private readonly handOff: HandOff,
    private readonly askToCancel: (
      id: string,
      options: { reason: string; to?: string; by: string },
    ) => Promise<unknown>,
    clock: Clock,
    random: Random,
  ) {
    this.bulkJobs = new BulkJobs(service, store, clock, random);
  }

  /**
   * Does one thing to everything that a filter means, as it was when this was called: from the newest delivery downward, each
   * by the same guarded transition as a single one, `rate` of them per second (200). How far it is stands in the database,
   * written with each change; if this process dies, `resumeJob` goes on with it, anywhere, and comes to no delivery twice.
   *
   * What was recorded later is not meant. What was recorded before and begins to match while it runs may be: that nobody can
   * tell. Ids that you give yourself are not in the order of time.
   * @returns what became of it, once it is done, or was stopped by the signal or by `stopJob`
   * @throws InvalidFilterError, also of an empty one · FilterTooBroadError · RangeError · TypeError without a reason where one is needed
   */
  async bulk(
    verb: BulkVerb,
    filter: string | DeliveryFilter,
    options: { by?: string; reason?: string; deadline?: Duration; force?: boolean; rate?: number } & BulkWatch = {},
  ): Promise<BulkJob> {
    const { by = NOBODY, reason, force = false } = options;
    if (verb !== 'retry' && !reason) throw new TypeError(`A ${verb} needs a reason.`);
    const rate = wholeNumber('rate', options.rate ?? 200, 10_000);
    const deadlineMs = deadlineOf(options.deadline);
    const text = typeof filter === 'string' ? filter : filterText(filter);
    const matching = await this.count(text, { cap: 100_000 });
    return this.worked(
      narrowEnough(this.bulkJobs.start({ verb, filter: text, by, reason, deadlineMs, force, rate, matching }, options)),
    );
  }

  /**
   * Goes on with a job that was stopped, or whose process died (`abandoned`). What it changes is the doing of whoever began it;
   * that it went on is that of `by`, which the audit says beside the reason.
   * @throws OperationRefusedError · FilterTooBroadError
   */
  resumeJob(id: string, { by, ...watch }: { by?: string } & BulkWatch = {}): Promise<BulkJob> {
    return this.worked(narrowEnough(this.bulkJobs.resume(id, by, watch)));
  }

  /** Stops a job, wherever it runs; the audit says beside its reason that `by` did. @throws OperationRefusedError if it does not run */
  stopJob(id: string, { by }: { by?: string } = {}): Promise<BulkJob> {
    return this.bulkJobs.stop(id, by);
  }

  /** Bulk operations, the latest first. Nothing deletes them: that is for the owner of the table to do. */
  async jobs(page: { limit?: number } = {}): Promise<BulkJob[]> {
    return this.store.jobs.list(this.service, { limit: wholeNumber('limit', page.limit ?? 50, 1_000) });
  }

  private async worked(job: Promise<BulkJob>): Promise<BulkJob> {
    try {
      return await job;
    } finally {
      this.handOff.wake();
    }
  }

  /**
   * The newest deliveries that match a filter, as `state:parked type:order.* older:10m` or as an object; at most `limit`
   * (50, up to 1,000). The next page follows `after` the last of this one.
   * @throws InvalidFilterError · FilterTooBroadError when the database would be busy with it for more than two seconds
   */
  async find(
    filter: string | DeliveryFilter = {},
    page: { limit?: number; after?: DeliveryKey } = {},
  ): Promise<DeliveryRecord[]> {
    const limit = wholeNumber('limit', page.limit ?? 50, 1_000);
    const criteria = criteriaOf(filter);
    return narrowEnough(this.store.search(this.service, criteria, { ...page, limit }));
  }

  /**
   * How many deliveries match; counting stops at `cap` (10,000, up to 1,000,000), so `cap` means that many or more.
   * @throws InvalidFilterError · FilterTooBroadError
   */
  async count(filter: string | DeliveryFilter = {}, options: { cap?: number } = {}): Promise<number> {
    const cap = wholeNumber('cap', options.cap ?? 10_000, 1_000_000);
    return narrowEnough(this.store.countUpTo(this.service, criteriaOf(filter), cap));
  }

  /** Asks the consumer to give a message up, a parked one too: as `Outbox.cancel`. The consumer decides. */
  async cancel(id: string, options: { reason: string; to?: string; by?: string }): Promise<void> {
    await this.askToCancel(id, { ...options, by: options.by ?? NOBODY });
  }

  /**
   * What was changed here, newest first: each in the statement that changed it, so neither is without the other. `by` of
   * these operations is who, and is believed. The next page follows `after` the `id` of the last of this one.
   * Nothing deletes it: that is for the owner of the table to do.
   */
  async audit(page: { limit?: number; after?: string } = {}): Promise<AuditRecord[]> {
    return this.store.audit(this.service, { ...page, limit: wholeNumber('limit', page.limit ?? 50, 1_000) });
  }

  /**
   * What happened to a message that does not happen to most: every attempt that failed, every deferral with the consumer's
   * error, what was parked, retried, cancelled or discarded, why and by whom, in the order in which it happened, consumer by
   * consumer. Each is written by the statement that moved the delivery. What happens again right after itself is one entry with
   * a count; of a very long history the beginning and the end are kept. Empty if nothing but the usual happened, or it is pruned.
   */
  history(id: string): Promise<DeliveryHistoryEntry[]> {
    return this.store.history(id);
  }

  /** What is open, and what is paused. */
  async stats(): Promise<OutboxStats & { readonly paused: readonly Pause[] }> {
    return { ...(await this.store.stats(this.service)), paused: await this.pauses() };
  }

  /**
   * Holds back what is for a consumer (`to`; `*` for announcements), of a type, or both, or, with neither, everything: until
   * `resume`, in every process, also after a restart. A relay obeys with its next claim, within its `pollInterval`; what it is
   * publishing at that moment still goes out. Recording goes on, receipts are applied and follow-ups run; a deadline is kept, and
   * cancels are sent: they execute nothing, and a refund may depend on them. What is held keeps its attempts, and has all of
   * `giveUpAfter` again once it is no longer paused.
   * @throws InvalidFilterError if the target is none · OperationRefusedError if there are 50 already
   */
  async pause(options: PauseTarget & { reason: string; by?: string }): Promise<Pause> {
    refuseUnknownOptions('pause', options, ['to', 'type', 'by', 'reason'] satisfies (keyof typeof options)[]);
    const target = targetOf(options);
    if (typeof options.reason !== 'string' || options.reason === '')
      throw new TypeError('pause needs a reason: whoever finds it later will want to know.');
    const paused = await this.pauses();
    if (paused.length >= MAX_PAUSES && !paused.some((each) => pauseText(each) === pauseText(target)))
      throw new OperationRefusedError(
        `There are ${paused.length} pauses already, and a claim reads them all: end some, or pause a consumer as a whole.`,
      );
    const pause = await this.store.pause(this.service, target, { by: options.by ?? NOBODY, reason: options.reason });
    this.handOff.wake();
    return pause;
  }

  /**
   * Ends the pause of exactly this target, and makes what it held due at once.
   * @returns how many deliveries these are
   * @throws InvalidFilterError · OperationRefusedError if it is not paused; the error names what is
   */
  async resume(options: PauseTarget & { reason?: string; by?: string } = {}): Promise<{ released: number }> {
    refuseUnknownOptions('resume', options, ['to', 'type', 'by', 'reason'] satisfies (keyof typeof options)[]);
    const target = targetOf(options);
    const asked = { by: options.by ?? NOBODY, reason: options.reason };
    const { pause, released } = await this.store.resume(this.service, target, asked);
    if (!pause && released === 0) {
      const paused = (await this.pauses()).map(pauseText).join(', ') || 'nothing';
      throw new OperationRefusedError(`There is no pause of ${pauseText(target)}. Paused is: ${paused}.`);
    }
    this.handOff.wake();
    return { released };
  }

  /** What is paused, for the longest time first. */
  pauses(): Promise<Pause[]> {
    return this.store.pauses(this.service);
  }

  /**
   * Opens parked deliveries again, with a fresh budget: to its follow-up if the verdict is known, to cancelling if the
   * deadline has passed (give a new `deadline` to send it again instead), else to pending. A message older than the
   * consumer's horizon can only be answered from the inbox, never executed.
   * @throws UnknownDeliveryError if there is none · OperationRefusedError if none is parked
   */
  async retry(
    id: string,
    options: { to?: string; deadline?: Duration; by?: string; reason?: string } = {},
  ): Promise<DeliveryKey[]> {
    const deadlineMs = deadlineOf(options.deadline);
    const changed = await this.store.retry(id, {
      ...(options.to !== undefined && { to: options.to }),
      ...(deadlineMs !== undefined && { deadlineMs }),
      ...(options.reason !== undefined && { reason: options.reason }),
      by: options.by ?? NOBODY,
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
  async discard(
    id: string,
    reason: string,
    options: { to?: string; force?: boolean; by?: string } = {},
  ): Promise<DeliveryKey[]> {
    const changed = await this.store.discard(id, {
      ...(options.to !== undefined && { to: options.to }),
      reason,
      force: options.force ?? false,
      by: options.by ?? NOBODY,
    });
    if (changed.length === 0) {
      await this.refuse(
        id,
        options.to,
        'Only a parked delivery can be discarded, and without { force: true } only after its cancel went unanswered, it expired, or its verdict cannot be applied. Try cancel() first',
      );
    }
    if ((await this.store.nextTurn(changed)).due > 0) this.handOff.wake();
    return changed;
  }

  private async refuse(id: string, to: string | undefined, rule: string): Promise<never> {
    const found = (await this.store.find(id)).filter(({ consumer }) => to === undefined || consumer === to);
    if (found.length === 0)
      throw new UnknownDeliveryError(`No delivery of message ${id}${to === undefined ? '' : ` to '${to}'`} is known.`);
    const states = found
      .map(({ consumer, state, code }) => `${consumer}: ${state}${code ? ` (${code})` : ''}`)
      .join(', ');
    throw new OperationRefusedError(`${rule}. Message ${id} is at ${states}.`);
  }
}

function deadlineOf(deadline: Duration | undefined): number | undefined {
  const deadlineMs = deadline === undefined ? undefined : toMs(deadline);
  if (deadline !== undefined && !deadlineMs) throw new TypeError(`${noDuration('deadline', deadline, '15m')}.`);
  return deadlineMs;
}

/** The target alone. @throws InvalidFilterError */
function targetOf({ to, type }: PauseTarget): PauseTarget {
  const target = { ...(to !== undefined && { to }), ...(type !== undefined && { type }) };
  criteriaOf(target);
  if (type?.includes('*'))
    throw new InvalidFilterError([`type: ${JSON.stringify(type)}: a pause is about one whole type.`]);
  return target;
}

function wholeNumber(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new RangeError(`${name} ${value} is no whole number from 1 to ${max}`);
}

async function narrowEnough<T>(searching: Promise<T>): Promise<T> {
  try {
    return await searching;
  } catch (error) {
    if (!(error instanceof SearchTookTooLongError)) throw error;
    throw new FilterTooBroadError(
      'The filter is too broad: the database would have to look at too many rows. Add state:parked or state:open, or an id; ' +
        'a type, a consumer or a time alone only helps where most of what is new matches it.',
      { cause: error },
    );
  }
}
