import type { DeliveryKey } from '../message/delivery';
import type { DeliveryRecord } from './delivery-record';

export type BulkVerb = 'retry' | 'cancel' | 'discard';

/** What is asked of every delivery that a filter means. */
export interface BulkOrder {
  readonly verb: BulkVerb;
  /** As text, so that a person and another process read the same. */
  readonly filter: string;
  /** Who, as told by the caller. */
  readonly by: string;
  readonly reason: string | undefined;
  /** Of a retry: the new deadline of each. */
  readonly deadlineMs: number | undefined;
  /** Of a discard: also while the consumer might still act on a copy. */
  readonly force: boolean;
  /** Deliveries per second, at most. */
  readonly rate: number;
  /** How many matched when it was asked for, as far as they were counted. */
  readonly matching: number;
}

/** A delivery that is as it was, and why. */
export interface Refusal extends DeliveryKey {
  readonly why: string;
}

/** A bulk operation, and how far it is. */
export interface BulkJob extends BulkOrder {
  readonly id: string;
  /** `abandoned`: nobody has worked on it for half a minute, so its process has died, or cannot reach the database. */
  readonly state: 'running' | 'abandoned' | 'stopped' | 'done';
  /** The delivery it came to last; before the first one, the end of what it is about. */
  readonly at: DeliveryKey;
  readonly changed: number;
  readonly refused: number;
  /** The first hundred. */
  readonly refusals: readonly Refusal[];
  /** ISO 8601, the database's clock. */
  readonly startedAt: string;
  readonly endedAt: string | undefined;
}

/** The right to work on a job: one process at a time has it, for half a minute from its last step. */
export interface JobLease {
  readonly source: string;
  readonly id: string;
  readonly token: string;
}

/** A job somebody works on. Without a token: whoever does. */
export type JobToEnd = Omit<JobLease, 'token'> & Partial<Pick<JobLease, 'token'>>;

/** What to say of a delivery that may not be changed; undefined: there was nothing to do. */
export type WhyNot = (found: readonly DeliveryRecord[]) => string | undefined;

/** What became of one delivery of a job; `lost`: the job was stopped or taken over, and nothing has happened. */
export type JobStep = { readonly kind: 'changed' | 'nothing' | 'lost' } | ({ readonly kind: 'refused' } & Refusal);

/**
 * Bulk operations, in the producer's database. A job says how far it is in the same transaction as each change, so whoever
 * goes on with it after a crash neither leaves one out nor comes to one twice.
 */
export interface JobStore {
  /** Begins a job, leased, at the newest message there is. */
  start(lease: JobLease, order: BulkOrder): Promise<BulkJob>;
  /** Leases a job that was stopped or abandoned. @returns undefined if it is done, unknown, or somebody is at work on it */
  take(lease: JobLease): Promise<BulkJob | undefined>;
  /**
   * Comes to one delivery: asks for the change by the same guarded transition as for a single one, and writes down how it went.
   */
  step(lease: JobLease, order: BulkOrder, key: DeliveryKey, why: WhyNot): Promise<JobStep>;
  /**
   * Ends it and writes it into the audit.
   * @param note what the audit says beside the reason: who stopped it, or went on with it
   * @returns undefined if it is not running (any more)
   */
  end(job: JobToEnd, state: 'stopped' | 'done', note?: string): Promise<BulkJob | undefined>;
  /** At most `limit`, the latest first; or the one with this `id`. */
  list(source: string, which: { limit: number; id?: string }): Promise<BulkJob[]>;
}
