import type { FollowUp } from '../../message/contract';
import { type DeliveryKey, expects, followUpOf, type RecordedMessage } from '../../message/delivery';
import type { BulkJob } from '../../ports/jobs';
import type { Pause } from '../../message/pause';
import type { AuditRecord, InboxKey, RegisteredFollowUp, RegisteredHandler } from '../../ports/store';
import type { Reason, Verdict } from '../../message/receipt';
import { isLegal } from '../../message/rules';
import type { DeliveryRow } from '../../message/transitions';
import type { MemoryDatabase } from './memory-database';
import { MemoryDatabaseError } from './memory-database-error';
import type { MemoryTable } from './memory-table';
import type { MemoryTransaction } from './memory-transaction';

/** `outbox_message`. Times are milliseconds since 1970, by the database's clock. */
export interface MessageRow extends Omit<RecordedMessage, 'recordedAt'> {
  readonly createdAt: number;
  /** Finds the deliveries without an index. */
  readonly consumers: readonly string[];
}

/** `outbox_delivery`, and `outbox_history`, whose row is never moved without this one. */
export type { DeliveryRow } from '../../message/transitions';

/** `inbox_message` */
export interface InboxMessageRow {
  readonly verdict: Verdict;
  readonly reason: Reason | undefined;
  readonly result: unknown;
  readonly payloadHash: Buffer | undefined;
  readonly receivedAt: number;
}

/** `outbox_pause` */
export interface PauseRow extends Omit<Pause, 'since'> {
  readonly source: string;
  readonly since: number;
}

/** `outbox_job` */
export interface JobRow extends Omit<BulkJob, 'state' | 'startedAt' | 'endedAt'> {
  readonly source: string;
  readonly state: Exclude<BulkJob['state'], 'abandoned'>;
  readonly token: string | undefined;
  readonly leasedUntil: number;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** `outbox_audit` */
export interface AuditRow extends Omit<AuditRecord, 'id' | 'at'> {
  readonly id: number;
  readonly at: number;
  readonly source: string;
}

/** The library's tables in a {@link MemoryDatabase}. Keys are texts that sort as the primary keys do. */
export class OutboxTables {
  readonly message: MemoryTable<MessageRow>;
  readonly delivery: MemoryTable<DeliveryRow>;
  readonly inbox: MemoryTable<InboxMessageRow>;
  readonly followUp: MemoryTable<RegisteredFollowUp>;
  readonly handler: MemoryTable<RegisteredHandler>;
  readonly audit: MemoryTable<AuditRow>;
  readonly pause: MemoryTable<PauseRow>;
  readonly job: MemoryTable<JobRow>;
  /** Holds no rows, only the locks of those who record a key in order. */
  private readonly turn: MemoryTable<object>;

  constructor(private readonly database: MemoryDatabase) {
    this.message = database.table<MessageRow>('outbox_message');
    this.delivery = database.table<DeliveryRow>('outbox_delivery', checkDelivery);
    this.inbox = database.table<InboxMessageRow>('inbox_message', checkInbox);
    this.followUp = database.table<RegisteredFollowUp>('outbox_follow_up');
    this.handler = database.table<RegisteredHandler>('inbox_handler');
    this.audit = database.table<AuditRow>('outbox_audit');
    this.job = database.table<JobRow>('outbox_job');
    this.pause = database.table<PauseRow>('outbox_pause');
    this.turn = database.table<object>('outbox_turn');
  }

  now(): number {
    return this.database.now();
  }

  /** Waits for the end of every transaction that has drawn a number for the same before. */
  async nextOrderNo(
    tx: MemoryTransaction,
    { consumer, orderKey }: { consumer: string; orderKey: string },
  ): Promise<number> {
    await this.turn.lockKey(tx, `${consumer} ${orderKey}`);
    return this.database.nextSerial();
  }

  /** The committed deliveries, not final yet, that are to be in order with this one, by their numbers. */
  line({ consumer, orderKey }: Pick<DeliveryRow, 'consumer' | 'orderKey'>): DeliveryRow[] {
    if (orderKey === undefined) return [];
    return [...this.delivery.entries(undefined)]
      .map(([, row]) => row)
      .filter((row) => row.consumer === consumer && row.orderKey === orderKey && row.settledAt === undefined)
      .sort((one, other) => one.orderNo! - other.orderNo!);
  }

  nextAuditId(): number {
    return this.database.nextSerial();
  }

  /** What the row says and what its service has registered (R13). */
  followUpOf(tx: MemoryTransaction, { messageId, followUp }: DeliveryRow): FollowUp {
    const { source, type } = this.message.get(tx, messageId)!;
    const expected = (verdict: Verdict): boolean =>
      expects(followUp, verdict) || this.followUp.get(tx, followUpKeyOf(source, { type, verdict })) !== undefined;
    return followUpOf(expected('accepted'), expected('rejected'));
  }

  /** `where key in (…) order by key for no key update skip locked` */
  lockFree(tx: MemoryTransaction, keys: readonly DeliveryKey[]): DeliveryRow[] {
    return sorted(keys)
      .map((key) => this.delivery.tryLock(tx, key))
      .filter((row) => row !== undefined);
  }

  /** `where message_id = … order by key for no key update`: waits for whoever holds one. */
  async lockAll(tx: MemoryTransaction, messageId: string, to: string | undefined): Promise<DeliveryRow[]> {
    const consumers = this.message.get(tx, messageId)?.consumers ?? [];
    const keys = consumers.filter((consumer) => to === undefined || consumer === to);
    const rows: DeliveryRow[] = [];
    for (const key of sorted(keys.map((consumer) => ({ messageId, consumer })))) {
      const row = await this.delivery.lock(tx, key, {});
      if (row) rows.push(row);
    }
    return rows;
  }

  lockOne(tx: MemoryTransaction, key: DeliveryKey): Promise<DeliveryRow | undefined> {
    return this.delivery.lock(tx, keyOf(key), {});
  }

  update(tx: MemoryTransaction, row: DeliveryKey, change: Partial<DeliveryRow>): DeliveryRow {
    return this.delivery.update(tx, keyOf(row), change);
  }
}

/** Message ids have one length, so the text sorts by id, then by consumer. */
export function keyOf({ messageId, consumer }: DeliveryKey): string {
  return `${messageId} ${consumer}`;
}

export function followUpKeyOf(source: string, { type, verdict }: Omit<RegisteredFollowUp, 'where'>): string {
  return `${source} ${type} ${verdict}`;
}

export function inboxKeyOf({ messageId, consumer, source }: InboxKey): string {
  return `${consumer} ${messageId} ${source}`;
}

function sorted(keys: readonly DeliveryKey[]): string[] {
  return keys.map(keyOf).sort();
}

/** What a `json` column gives back. */
export function asJson<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}

export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** As the tables' constraints: the database refuses the impossible. */
function checkDelivery(row: DeliveryRow): void {
  const situation = {
    state: row.state,
    verdict: row.verdict,
    due: row.nextAt !== undefined,
    leased: row.leaseToken !== undefined,
    settled: row.settledAt !== undefined,
  };
  refuseUnless(isLegal(situation), 'outbox_delivery_legal', row);
}

function checkInbox(row: InboxMessageRow): void {
  refuseUnless((row.verdict === 'rejected') === (row.reason !== undefined), 'inbox_message_reason', row);
}

function refuseUnless(holds: boolean, constraint: string, row: object): void {
  if (!holds) throw new MemoryDatabaseError('23514', `a row violates ${constraint}: ${JSON.stringify(row)}`);
}
