import type { InboxRow, Sample } from './page';

/** Asks a database with values in the manner of its kind: `$1`, or `?`. */
export type Rows = <T extends object>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/** What the page wants to know of the tables beside what `OutboxOperations` tells. All of it reads, and all of it is bounded. */
export interface Looks {
  /** How it is now. */
  sample(source: string): Promise<Sample>;
  /** For completion: of the newest messages only. */
  words(source: string): Promise<{ readonly types: readonly string[]; readonly consumers: readonly string[] }>;
  message(
    id: string,
  ): Promise<{ readonly payload: string; readonly headers: Record<string, string> | null } | undefined>;
  /** What was recorded while a message was handled, among the next ones recorded here. */
  caused(id: string, source: string): Promise<{ readonly id: string; readonly type: string }[]>;
  followUps(source: string): Promise<{ readonly type: string; readonly verdict: string; readonly handler: string }[]>;
  handlers(consumer: string): Promise<{ readonly consumer: string; readonly type: string; readonly handler: string }[]>;
  inboxOf(id: string): Promise<InboxRow[]>;
  /** The latest first. @param verdict null: any @param before this time, as `receivedAt`; null: from now on */
  inbox(verdict: string | null, before: string | null): Promise<InboxRow[]>;
}

/** Rows that a look counts of each kind: some milliseconds, whatever the backlog. */
export const CAP = 5_000;
/** How long it took is of so long, and of at most as many as `RATE_ROWS`. */
export const TOOK_MS = 60_000;
/** Rates are of so long; more rows than `RATE_ROWS` in it are not read, and their times tell the rate. */
export const RATE_MS = 2_000;
export const RATE_ROWS = 2_000;

/** Long for any statement here; what takes longer would be in the way of the service. */
export const STATEMENT_TIMEOUT_MS = 2_000;
export const CONNECT_TIMEOUT_MS = 2_000;
