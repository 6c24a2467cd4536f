import type { FollowUp } from '../message/contract';
import type { DeliveryKey, DeliveryState, RecordedMessage } from '../message/delivery';
import type { Pause } from '../message/pause';
import type { Reason, Verdict } from '../message/receipt';
import type { BulkJob, BulkVerb, Refusal } from '../ports/jobs';
import type { AuditRecord, DeliveryRecord, InboxRow, OutboxSample } from '../ports/store';

/**
 * Rows into the ports' words, whichever database they are from: every column is text or null, and a time is ISO 8601. A CHECK or
 * NOT NULL stands behind every `!` and cast.
 */
export type Row = Readonly<Record<string, string | null>>;

export function keyOf(row: Row): DeliveryKey {
  return { messageId: row.message_id!, consumer: row.consumer! };
}

export function messageOf(row: Row): RecordedMessage {
  return {
    id: row.message_id!,
    type: row.type!,
    source: row.source!,
    key: row.key ?? undefined,
    payload: row.payload!,
    headers: (jsonOf(row.headers) ?? {}) as Record<string, string>,
    recordedAt: row.recorded_at!,
  };
}

export function recordOf(row: Row): DeliveryRecord {
  return {
    ...keyOf(row),
    type: row.type!,
    key: row.key ?? undefined,
    state: row.state as DeliveryState,
    attempts: Number(row.attempts),
    followUp: row.follow_up as FollowUp,
    verdict: (row.verdict as Verdict | null) ?? undefined,
    reason: jsonOf(row.reason) as Reason | undefined,
    result: jsonOf(row.result),
    code: row.code ?? undefined,
    lastError: row.last_error ?? undefined,
    recordedAt: row.recorded_at!,
    nextAt: row.next_at ?? undefined,
    deadlineAt: row.deadline_at ?? undefined,
    sentAt: row.sent_at ?? undefined,
    settledAt: row.settled_at ?? undefined,
  };
}

export function sampleOf(row: Row): OutboxSample {
  const counted = (state: keyof OutboxSample['open']): number => Number(row[state]);
  return {
    open: {
      pending: counted('pending'),
      sent: counted('sent'),
      cancelling: counted('cancelling'),
      answered: counted('answered'),
      parked: counted('parked'),
    },
    oldestDueMs: Math.max(0, Number(row.oldest_due_ms)),
    overdue: Number(row.overdue),
    nowMs: Number(row.now_ms),
  };
}

export function pauseOf({ consumer, type, since, actor, reason }: Row): Pause {
  return {
    ...(consumer && { to: consumer }),
    ...(type && { type }),
    since: since!,
    by: actor!,
    reason: reason!,
  };
}

export function auditOf(row: Row): AuditRecord {
  return {
    id: row.id!,
    at: row.at!,
    actor: row.actor!,
    verb: row.verb as AuditRecord['verb'],
    target: row.target!,
    changed: Number(row.changed),
    reason: row.reason ?? undefined,
  };
}

export function jobOf(row: Row): BulkJob {
  return {
    id: row.id!,
    state: row.state as BulkJob['state'],
    verb: row.verb as BulkVerb,
    filter: row.filter!,
    by: row.actor!,
    reason: row.reason ?? undefined,
    deadlineMs: row.deadline_ms == null ? undefined : Number(row.deadline_ms),
    force: row.force === 't' || row.force === 'true',
    rate: Number(row.rate),
    matching: Number(row.matching),
    at: { messageId: row.last_id!, consumer: row.last_consumer! },
    changed: Number(row.changed),
    refused: Number(row.refused),
    refusals: JSON.parse(row.refusals!) as Refusal[],
    startedAt: row.started_at!,
    endedAt: row.ended_at ?? undefined,
  };
}

export function inboxRowOf(row: Row): InboxRow {
  return {
    verdict: row.verdict as Verdict,
    reason: jsonOf(row.reason) as Reason | undefined,
    result: jsonOf(row.result),
    payloadHash: row.payload_hash == null ? undefined : Buffer.from(row.payload_hash, 'hex'),
    receivedAt: row.received_at!,
  };
}

export function jsonOf(text: string | null | undefined): unknown {
  return text == null ? undefined : JSON.parse(text);
}
