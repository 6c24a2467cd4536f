import type { FollowUp } from '../../message/contract';
import {
  type ClaimedDelivery,
  type DeliveryKey,
  type DeliveryState,
  expects,
  followUpOf,
  type OpenState,
  type RecordedMessage,
} from '../../message/delivery';
import type { HistoryEntry } from '../../message/history';
import type { Pause } from '../../message/pause';
import type { Reason, Verdict } from '../../message/receipt';
import type { DeliveryRow } from '../../message/transitions';
import type { BulkJob } from '../../ports/jobs';
import type { AuditRecord, DeliveryHistoryEntry, DeliveryRecord, InboxRow } from '../../ports/store';
import * as read from '../rows';
import { jsonOf, keyOf, type Row } from '../rows';
import { columnOf, isoOf, msOf } from './instants';

/** Rows into the words of rules and ports. Columns are text or null; a CHECK or NOT NULL stands behind every `!` and cast. */

/** A delivery, and the service that recorded its message. */
export interface StoredDelivery extends DeliveryRow {
  readonly source: string;
}

/** As it was read: with the database's time when it was. */
export interface ReadDelivery extends StoredDelivery {
  readonly now: number;
}

export function deliveryOf(row: Row): ReadDelivery {
  return {
    ...keyOf(row),
    source: row.source!,
    state: row.state as DeliveryState,
    attempts: Number(row.attempts),
    followUp: row.follow_up as FollowUp,
    nextAt: timeOf(row.next_at),
    leaseToken: row.lease_token ?? undefined,
    deadlineAt: timeOf(row.deadline_at),
    giveUpAt: timeOf(row.give_up_at),
    verdict: (row.verdict as Verdict | null) ?? undefined,
    reason: jsonOf(row.reason) as Reason | undefined,
    result: jsonOf(row.result),
    code: row.code ?? undefined,
    lastError: row.last_error ?? undefined,
    cancelReason: row.cancel_reason ?? undefined,
    sentAt: timeOf(row.sent_at),
    settledAt: timeOf(row.settled_at),
    orderKey: row.order_key ?? undefined,
    orderNo: row.order_no == null ? undefined : Number(row.order_no),
    history: entriesOf(row.history).map((entry) => ({ ...entry, at: msOfIso(entry.at), since: msOfIso(entry.since) })),
    now: msOf(row.now!),
  };
}

/** A message with what its service has registered, without its content. */
export interface MessageFacts {
  readonly type: string;
  readonly createdAt: number;
  readonly contentHash: string;
  readonly accepted: boolean;
  readonly rejected: boolean;
}

export function factsOf(row: Row): MessageFacts {
  return {
    type: row.type!,
    createdAt: msOf(row.created_at!),
    contentHash: row.content_hash!,
    accepted: row.accepted === '1',
    rejected: row.rejected === '1',
  };
}

export function messageOf(row: Row): RecordedMessage {
  return read.messageOf({
    ...row,
    message_id: row.id!,
    key: row.message_key!,
    recorded_at: isoOf(row.created_at!),
  });
}

/** What a row says and what its service has registered (R13). */
export function expectation(
  { followUp }: Pick<DeliveryRow, 'followUp'>,
  registered: Pick<MessageFacts, Verdict>,
): FollowUp {
  const expected = (verdict: Verdict): boolean => expects(followUp, verdict) || registered[verdict];
  return followUpOf(expected('accepted'), expected('rejected'));
}

export function claimedOf(row: DeliveryRow, message: RecordedMessage): ClaimedDelivery {
  const { verdict, reason, result, deadlineAt } = row;
  return {
    ...keyIn(row),
    state: row.state as OpenState,
    attempt: row.attempts,
    leaseToken: row.leaseToken!,
    deadlineAt: deadlineAt === undefined ? undefined : isoOf(columnOf(deadlineAt)),
    answer: verdict && { verdict, reason, result },
    cancelReason: row.cancelReason,
    ordered: row.orderNo !== undefined,
    message,
  };
}

/** With what its service has registered. */
export function recordOf(row: Row): DeliveryRecord {
  return read.recordOf({
    ...inIso(row, 'next_at', 'deadline_at', 'sent_at', 'settled_at'),
    key: row.message_key!,
    follow_up: expectation({ followUp: row.follow_up as FollowUp }, factsOf(row)),
    recorded_at: isoOf(row.created_at!),
  });
}

export function historyOf(row: Row): DeliveryHistoryEntry[] {
  return entriesOf(row.history).map((entry) => ({ consumer: row.consumer!, ...entry }));
}

/** As it is stored: times as a person reads them; null while there is none. */
export function historyText(history: readonly HistoryEntry<number>[]): string | undefined {
  if (history.length === 0) return undefined;
  const instant = (ms: number): string => isoOf(columnOf(ms));
  return JSON.stringify(history.map((entry) => ({ ...entry, at: instant(entry.at), since: instant(entry.since) })));
}

export function pauseOf(row: Row): Pause {
  return read.pauseOf(inIso(row, 'since'));
}

export function auditOf(row: Row): AuditRecord {
  return read.auditOf(inIso(row, 'at'));
}

export function jobOf(row: Row): BulkJob {
  const abandoned = row.state === 'running' && row.lease_over === '1';
  return read.jobOf({
    ...inIso(row, 'started_at', 'ended_at'),
    ...(abandoned && { state: 'abandoned' }),
    force: String(row.forced === '1'),
  });
}

export function inboxRowOf(row: Row): InboxRow {
  return read.inboxRowOf(inIso(row, 'received_at'));
}

/** The same row, with times as every reader of rows expects them. */
function inIso(row: Row, ...columns: string[]): Row {
  const instants = columns.map((column) => [column, row[column] == null ? null : isoOf(row[column])] as const);
  return { ...row, ...Object.fromEntries(instants) };
}

export function keyIn({ messageId, consumer }: DeliveryKey): DeliveryKey {
  return { messageId, consumer };
}

/** `undefined` becomes an SQL null, `null` the JSON text: both come back as what they were. */
export function jsonText(value: unknown): string | undefined {
  return JSON.stringify(value);
}

function entriesOf(text: string | null | undefined): HistoryEntry[] {
  return (jsonOf(text) ?? []) as HistoryEntry[];
}

function timeOf(column: string | null | undefined): number | undefined {
  return column == null ? undefined : msOf(column);
}

function msOfIso(iso: string): number {
  return msOf(iso.replace('Z', ''));
}
