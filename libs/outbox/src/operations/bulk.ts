import { InvalidFilterError, OperationRefusedError } from '../errors';
import type { Clock, Random } from '../ports/clock';
import type { BulkJob, BulkOrder, BulkVerb, JobLease, JobStep } from '../ports/jobs';
import type { Criteria, DeliveryRecord, OutboxStore } from '../ports/store';
import { criteriaOf } from './filter';

/** How somebody follows a bulk operation that his process works off. */
export interface BulkWatch {
  /** Stops it between two deliveries; `resume` goes on with it. */
  readonly stop?: AbortSignal;
  /** Told once it is this process that works on it: from then on it can be stopped by its id. */
  readonly onStart?: (job: BulkJob) => void;
  /** Told after each delivery how many were come to, so far and by this process. */
  readonly onProgress?: (done: number) => void;
}

/** Most deliveries of one look: not so many that the last ones were seen long ago. */
const PAGE = 500;

const MAY_BE: Readonly<Record<BulkVerb, string>> = {
  retry: 'Only a parked delivery can be retried',
  cancel: 'Only a delivery that is on its way, or parked without a verdict, can be cancelled',
  discard:
    'Only a parked delivery can be discarded, and without force only after its cancel went unanswered, it expired, or its verdict cannot be applied',
};

/**
 * Works off bulk operations: from the newest delivery that there was when it was asked for downward, one after another, each
 * by the same guarded transition as a single one. Who was killed in the middle has left it in the database, with all it came
 * to; nobody goes on with it unasked.
 */
export class BulkJobs {
  constructor(
    private readonly service: string,
    private readonly store: Pick<OutboxStore, 'jobs' | 'search' | 'ageMs' | 'nextTurn'>,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** @returns the job as it ended, here or elsewhere */
  async start(order: BulkOrder, watch: BulkWatch): Promise<BulkJob> {
    if (Object.keys(criteriaOf(order.filter)).length === 0)
      throw new InvalidFilterError([
        'the filter is empty, and that means every delivery there is: say which ones, e.g. state:parked.',
      ]);
    const lease = { source: this.service, id: this.random.id(), token: this.random.token() };
    return this.work(lease, await this.store.jobs.start(lease, order), watch);
  }

  /** @throws OperationRefusedError if there is nothing to go on with */
  async resume(id: string, by: string | undefined, watch: BulkWatch): Promise<BulkJob> {
    const lease = { source: this.service, id, token: this.random.token() };
    const job = await this.store.jobs.take(lease);
    if (!job) throw await this.refusal(id, 'Only a job that was stopped or abandoned can be resumed');
    return this.work(lease, job, watch, by === undefined ? undefined : `resumed by ${by}`);
  }

  /** Whoever works on it notices at his next delivery. @throws OperationRefusedError if it does not run */
  async stop(id: string, by: string | undefined): Promise<BulkJob> {
    const note = by === undefined ? undefined : `stopped by ${by}`;
    const job = await this.store.jobs.end({ source: this.service, id }, 'stopped', note);
    if (!job) throw await this.refusal(id, 'Only a job that runs can be stopped');
    return job;
  }

  private async refusal(id: string, rule: string): Promise<OperationRefusedError> {
    const [job] = await this.store.jobs.list(this.service, { limit: 1, id });
    return new OperationRefusedError(job ? `${rule}. Job ${id} is ${job.state}.` : `There is no job ${id}.`);
  }

  /** @param note for the audit, when it ends */
  private async work(lease: JobLease, job: BulkJob, watch: BulkWatch, note?: string): Promise<BulkJob> {
    const { stop, onProgress } = watch;
    const ended = async (state: 'stopped' | 'done'): Promise<BulkJob> =>
      (await this.store.jobs.end(lease, state, note)) ?? this.asItIs(lease.id);
    watch.onStart?.(job);
    const limit = Math.min(PAGE, job.rate);
    let done = 0;
    for (let after = job.at; ;) {
      const page = await this.store.search(this.service, await this.criteria(job), { limit, after });
      if (page.length === 0) return ended('done');
      for (const key of page) {
        if (stop?.aborted) return ended('stopped');
        const began = this.clock.monotonic();
        const { kind } = await this.step(lease, job, key);
        if (kind === 'lost') return this.asItIs(lease.id);
        if (kind === 'changed' && job.verb === 'discard') await this.store.nextTurn([key]);
        onProgress?.(++done);
        await this.pause(1_000 / job.rate - (this.clock.monotonic() - began), stop);
      }
      after = page.at(-1)!;
    }
  }

  private step(lease: JobLease, job: BulkJob, { messageId, consumer }: DeliveryRecord): Promise<JobStep> {
    return this.store.jobs.step(lease, job, { messageId, consumer }, ([found]) => whyNot(job.verb, found));
  }

  /** A time in the filter means what it meant when the job began. */
  private async criteria(job: BulkJob): Promise<Criteria> {
    const criteria = criteriaOf(job.filter);
    const { olderMs, newerMs } = criteria;
    if (olderMs === undefined && newerMs === undefined) return criteria;
    const since = await this.store.ageMs(job.startedAt);
    return {
      ...criteria,
      ...(olderMs !== undefined && { olderMs: olderMs + since }),
      ...(newerMs !== undefined && { newerMs: newerMs + since }),
    };
  }

  private async asItIs(id: string): Promise<BulkJob> {
    return (await this.store.jobs.list(this.service, { limit: 1, id }))[0]!;
  }

  private pause(ms: number, stop: AbortSignal | undefined): Promise<void> {
    if (ms <= 0 || stop?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const over = (): void => {
        cancel();
        stop?.removeEventListener('abort', over);
        resolve();
      };
      const cancel = this.clock.schedule(ms, over);
      stop?.addEventListener('abort', over);
    });
  }
}

/** Undefined: what is asked for has happened already. */
function whyNot(verb: BulkVerb, found: DeliveryRecord | undefined): string | undefined {
  if (!found) return 'It is not there any more.';
  if (verb === 'cancel' && found.state === 'cancelling') return undefined;
  return `${MAY_BE[verb]}. This one is ${found.state}${found.code ? ` (${found.code})` : ''}.`;
}
