/** What the server and the page tell each other: types, so that both are compiled against the same, and what both go by. */

import type {
  AuditRecord,
  BulkJob,
  BulkVerb,
  DeliveryHistoryEntry,
  OutboxWindow,
  Pause,
  PauseTarget,
} from '@tallystick/outbox';

export type { AuditRecord, BulkJob, BulkVerb, DeliveryHistoryEntry, OutboxWindow, Pause, PauseTarget };

/** Which states an action may leave. The database decides; this is what is said before. */
export const LEAVES: Readonly<Record<BulkVerb, readonly string[]>> = {
  retry: ['parked'],
  cancel: ['pending', 'sent', 'parked'],
  discard: ['parked'],
};

export interface Target {
  readonly id: string;
  /** The consumer. */
  readonly to: string;
}

/** Who looks, and at what. */
export interface Me {
  readonly service: string;
  readonly environment: string;
  readonly may: 'read' | 'operate';
  readonly name: string;
  /** Consumers and types that were seen lately, for completion. */
  readonly consumers: readonly string[];
  readonly types: readonly string[];
  /** Whose inboxes can be asked: this database's, and those of the option `inboxes`. */
  readonly inboxes: readonly string[];
  /** False where payloads are hidden altogether. */
  readonly payloads: boolean;
}

/** Counted up to a bound, see `CAP`. */
export interface Sample {
  /** By the database's clock; ISO 8601. */
  readonly at: string;
  readonly open: readonly {
    readonly to: string;
    readonly state: string;
    readonly count: number;
    /** How long the oldest due one has been waiting, in milliseconds; 0 if none is due. */
    readonly oldestDueMs: number;
  }[];
  /** Per second, over the last two. */
  readonly recorded: number;
  readonly settled: readonly { readonly to: string; readonly state: string; readonly perSecond: number }[];
  /** What people hold back, for the longest time first. */
  readonly paused: readonly Pause[];
  /** Bulk operations that are under way, and how far they are. */
  readonly running: readonly Pick<BulkJob, 'id' | 'changed' | 'refused'>[];
  /** From recorded to settled, a follow-up included: of those of the last minute that have a verdict, the newest 2,000. */
  readonly took: { readonly p50Ms: number; readonly p95Ms: number; readonly of: number } | null;
  /** True where one of the counts stopped at its bound: there are that many or more. */
  readonly capped: boolean;
}

/** What comes with every look at the tables, and what this process knows by itself. */
export interface Told {
  /** Undefined where the database does not answer. */
  readonly sample?: Sample;
  readonly hour: Hour;
  readonly window: OutboxWindow;
}

/** What one process did in each of the last 60 minutes, the oldest first. */
export interface Hour {
  readonly published: readonly number[];
  readonly answered: readonly number[];
}

/** Of a rejection. */
export interface Why {
  readonly code: string;
  readonly message?: string;
  readonly details?: unknown;
}

export interface Delivery {
  readonly messageId: string;
  readonly consumer: string;
  readonly type: string;
  readonly key?: string;
  readonly state: string;
  readonly attempts: number;
  readonly followUp: string;
  readonly verdict?: string;
  readonly reason?: Why;
  readonly result?: unknown;
  readonly code?: string;
  readonly lastError?: string;
  readonly recordedAt: string;
  readonly nextAt?: string;
  readonly deadlineAt?: string;
  readonly sentAt?: string;
  readonly settledAt?: string;
}

/** A message with everything that is known of it, on both sides. */
export interface Whole {
  readonly deliveries: readonly Delivery[];
  readonly source: string;
  /** Redacted; undefined where payloads are hidden. */
  readonly payload?: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly causedBy?: string;
  readonly caused: readonly { readonly id: string; readonly type: string }[];
  readonly halves: readonly Half[];
  /** What does not happen to most, consumer by consumer. */
  readonly history: readonly DeliveryHistoryEntry[];
}

/** What a consumer's inbox says of a message: its rows, or why it could not be asked. */
export interface Half {
  readonly inbox: string;
  readonly rows: readonly InboxRow[];
  readonly problem?: string;
}

export interface InboxRow {
  readonly messageId: string;
  readonly consumer: string;
  readonly source: string;
  readonly verdict: string;
  readonly reason: Why | null;
  readonly result: unknown;
  readonly receivedAt: string;
}

/** What the service has, and how its transport and relay are. */
export interface Machinery {
  readonly status: 'up' | 'degraded';
  readonly transport: { readonly name: string; readonly ready: boolean };
  readonly claimOverdueMs: number;
  /** What waits for a person at the broker, by service: of this one, and of its consumers. */
  readonly quarantined: Readonly<Record<string, number>>;
  readonly oldestDueMs: number;
  readonly refused: number;
  readonly returned: number;
  /** Follow-ups and handlers that some process of the service has, or had. */
  readonly followUps: readonly { readonly type: string; readonly verdict: string; readonly handler: string }[];
  readonly handlers: readonly { readonly consumer: string; readonly type: string; readonly handler: string }[];
}

interface Change {
  readonly verb: BulkVerb;
  readonly reason: string;
  /** Of `retry`: a new deadline, `15m`. */
  readonly deadline?: string;
  /** Of `discard`: though the consumer may still act on a copy. */
  readonly force?: boolean;
}

/** Of what somebody chose. */
export interface ActionRequest extends Change {
  readonly targets: readonly Target[];
}

/** Of everything that a filter means. */
export interface BulkRequest extends Change {
  readonly filter: string;
}

/** What a bulk operation would come to. Both are counted up to 10,000, which stands for more. */
export interface Preview {
  readonly matching: number;
  /** Those whose state allows it. */
  readonly changes: number;
}

/** Per target, in order. */
export interface ActionResult {
  readonly changed: number;
  readonly refused: readonly { readonly target: Target; readonly why: string }[];
}
