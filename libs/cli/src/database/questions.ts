import type { Bucket, IdRange } from '../reconcile/buckets';
import type { ConsumerHalf, ProducerHalf } from '../reconcile/compare';
import type { Question } from './engine';

/** What the commands ask the tables beside what the operations of a service tell. All of it reads, and all of it is bounded. */
export interface Questions {
  /** Are there tables of these names? */
  there(): Question<{ readonly there: boolean }>;
  /** What time it is there, and was. */
  clock(ago: { sinceMs: number; graceMs: number }): Question<Clock>;
  inbox(filter: InboxFilter): Question<InboxRow>;
  inboxOf(id: string): Question<InboxRow>;
  /** What is new, open, parked, or was settled since. */
  latest(asked: Latest): Question<Seen>;
  /** The newest messages' types, and to whom they went; to nobody if they are announcements. */
  sent(service: string): Question<{ readonly type: string; readonly to: string[] }>;
  /** What the sender has recorded, as it was sent. */
  recorded(id: string): Question<{ readonly type: string; readonly payload: string }>;
  /** How many are parked, per service. */
  parked(): Question<{ readonly service: string; readonly count: number }>;
  /** What has been due for longest, if it is longer than this. */
  overdue(ms: number): Question<{ readonly service: string; readonly seconds: number }>;
  /** Deliveries that were closed before the follow-up of their verdict was registered. */
  lateFollowUps(): Question<LateFollowUps>;
  /** Who has recorded what for whom, of what is open and of the newest thousand. */
  addressed(): Question<{ readonly service: string; readonly consumer: string; readonly type: string }>;
  /** Who handles what here. @param consumer only what this one does */
  handled(consumer?: string): Question<{ readonly consumer: string; readonly type: string }>;
  readonly producer: ProducerQuestions;
  readonly consumer: ConsumerQuestions;
}

export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** As the database writes times, for questions to it. */
  readonly at: string;
  readonly since: string;
  readonly due: string;
}

export interface InboxFilter {
  readonly consumer?: string | undefined;
  readonly source?: string | undefined;
  readonly verdict?: string | undefined;
  readonly newerMs?: number | undefined;
  readonly olderMs?: number | undefined;
  readonly limit: number;
}

/** A row of the inbox, for people. */
export interface InboxRow {
  readonly messageId: string;
  readonly consumer: string;
  readonly source: string;
  readonly verdict: string;
  readonly reason: unknown;
  readonly result: unknown;
  readonly payloadHash: string | null;
  readonly receivedAt: string;
}

export interface Latest {
  /** Undefined: of every service. */
  readonly service: string | undefined;
  /** Who is known here, for a database whose indexes begin with the service. */
  readonly known: readonly string[];
  /** `at` of `clock`; undefined: whenever. */
  readonly since: string | undefined;
  /** Of each kind. */
  readonly limit: number;
}

/** A delivery as `tail` shows it. */
export interface Seen {
  readonly id: string;
  readonly consumer: string;
  readonly type: string;
  readonly service: string;
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
}

export interface LateFollowUps {
  readonly service: string;
  readonly type: string;
  readonly verdict: string;
  readonly handler: string;
  readonly count: number;
}

/** The messages of one producer to one consumer whose ids are in a range. */
export interface Asked extends IdRange {
  /** Ids that begin with a time are of no earlier one than this. */
  readonly lower: string;
  /** Others were recorded, or arrived, no earlier than this; by this database's own clock. */
  readonly since: string;
  readonly producer: string;
  readonly consumer: string;
}

/**
 * Both sides count the ids of each minute and xor their hashes, alike whatever kind of database they are in. What they have in common
 * is the id, so minutes are those of the time it begins with, as the library makes them. Others fall into minutes of their own, which
 * is as good, only not as cheap. When something was recorded and when it arrived are times of two different clocks.
 */
interface SideQuestions {
  /** Who is known here. */
  names(): Question<{ readonly name: string }>;
}

export interface ProducerQuestions extends SideQuestions {
  /** Of announcements those count that the consumer has handlers for. That is a guess, and where it is wrong, more is read. */
  sums(asked: Asked, handled: readonly string[]): Question<Bucket>;
  halves(asked: Asked, limit: number): Question<ProducerHalf>;
  /** The id that so many of a range come before. */
  nth(range: IdRange, offset: number): Question<{ readonly id: string }>;
  /** Are there ids above this? Random ones lie above all that begin with a time of this century, nearly surely. */
  untimed(above: string): Question<{ readonly found: boolean }>;
}

export interface ConsumerQuestions extends SideQuestions {
  sums(asked: Asked): Question<Bucket>;
  /** @param due when the producer should have heard of it */
  halves(asked: Asked, limit: number, due: string): Question<ConsumerHalf>;
  nth(range: IdRange, offset: number, consumer: string): Question<{ readonly id: string }>;
  untimed(above: string, consumer: string): Question<{ readonly found: boolean }>;
}
