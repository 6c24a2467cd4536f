import { type DeliveryKey, isFinal } from '../../message/delivery';
import { cancelled, type Change, discarded, retried } from '../../message/transitions';
import type { BulkVerb } from '../../ports/jobs';
import type { DeliveryHistoryEntry, DeliveryRecord, OutboxSample, OutboxStats } from '../../ports/store';
import { type DeliveryRow, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { audited } from './statements-audit';

/** People look and decide, and time sweeps up: the statements of operations. */

export function find(t: OutboxTables, tx: MemoryTransaction, messageId: string): DeliveryRecord[] {
  const consumers = [...(t.message.get(tx, messageId)?.consumers ?? [])].sort();
  return consumers
    .map((consumer) => t.delivery.get(tx, keyOf({ messageId, consumer })))
    .filter((row) => row !== undefined)
    .map((row) => recordOf(t, tx, row));
}

export function history(t: OutboxTables, tx: MemoryTransaction, messageId: string): DeliveryHistoryEntry[] {
  const consumers = [...(t.message.get(tx, messageId)?.consumers ?? [])].sort();
  return consumers.flatMap((consumer) =>
    (t.delivery.get(tx, keyOf({ messageId, consumer }))?.history ?? []).map((entry) => ({
      ...entry,
      consumer,
      at: iso(entry.at),
      since: iso(entry.since),
    })),
  );
}

export function stats(t: OutboxTables, tx: MemoryTransaction, source: string): OutboxStats {
  const open = { pending: 0, sent: 0, cancelling: 0, answered: 0, parked: 0 };
  const now = t.now();
  let oldest = now;
  for (const [, { messageId, state, nextAt }] of t.delivery.entries(tx)) {
    if (t.message.get(tx, messageId)?.source !== source) continue;
    if (!isFinal(state)) open[state]++;
    oldest = Math.min(oldest, nextAt ?? now);
  }
  return { open, oldestDueMs: now - oldest };
}

export function sample(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  { overdueMs, cap }: { overdueMs: number; cap: number },
): OutboxSample {
  const now = t.now();
  const rows = [...t.delivery.entries(tx)]
    .map(([, row]) => ({ ...row, message: t.message.get(tx, row.messageId)! }))
    .filter(({ message }) => message.source === source);
  const waiting = rows
    .filter(({ nextAt }) => nextAt !== undefined)
    .sort((one, other) => one.nextAt! - other.nextAt!)
    .slice(0, cap);
  const parked = rows.filter(({ state }) => state === 'parked').slice(0, cap);
  const open = { pending: 0, sent: 0, cancelling: 0, answered: 0, parked: 0 };
  for (const { state } of [...waiting, ...parked]) if (!isFinal(state)) open[state]++;
  const isOverdue = ({ state, message }: (typeof rows)[number]): boolean =>
    state === 'sent' && message.createdAt < now - overdueMs;
  const oldestDueMs = Math.max(0, now - (waiting[0]?.nextAt ?? now));
  return { open, oldestDueMs, overdue: waiting.filter(isOverdue).length, nowMs: now };
}

export function cancel(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  asked: { to?: string; reason: string; by?: string },
): Promise<DeliveryKey[]> {
  return changeAll(t, tx, 'cancel', messageId, asked, (row) => cancelled(row, asked, t.now()));
}

export function retry(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  asked: { to?: string; deadlineMs?: number; by?: string; reason?: string },
): Promise<DeliveryKey[]> {
  return changeAll(t, tx, 'retry', messageId, asked, (row) => retried(row, asked, asked.deadlineMs, t.now()));
}

export function discard(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  asked: { to?: string; reason: string; force: boolean; by?: string },
): Promise<DeliveryKey[]> {
  return changeAll(t, tx, 'discard', messageId, asked, (row) => discarded(row, asked, asked.force, t.now()));
}

async function changeAll(
  t: OutboxTables,
  tx: MemoryTransaction,
  verb: BulkVerb,
  messageId: string,
  { to, by, reason }: { to?: string; by?: string; reason?: string },
  change: (row: DeliveryRow) => Change,
): Promise<DeliveryKey[]> {
  const changed: DeliveryKey[] = [];
  for (const row of await t.lockAll(tx, messageId, to)) {
    const after = change(row);
    if (!after) continue;
    t.update(tx, row, after);
    changed.push({ messageId, consumer: row.consumer });
  }
  return audited(t, tx, { verb, messageId, to, by, reason }, changed);
}

export function prune(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  olderThanMs: number,
  limit: number,
): number {
  const horizon = t.now() - olderThanMs;
  let pruned = 0;
  for (const [id, { source: recorder, consumers }] of [...t.message.entries(tx)]) {
    if (pruned === limit) break;
    if (recorder !== source) continue;
    const keys = consumers.map((consumer) => keyOf({ messageId: id, consumer }));
    const over = (key: string): boolean => (t.delivery.get(tx, key)?.settledAt ?? Infinity) < horizon;
    if (!keys.every((key) => over(key) && t.delivery.tryLock(tx, key)) || !t.message.tryLock(tx, id)) continue;
    for (const key of keys) t.delivery.delete(tx, key);
    t.message.delete(tx, id);
    pruned++;
  }
  return pruned;
}

export function recordOf(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow): DeliveryRecord {
  const { type, key, createdAt } = t.message.get(tx, row.messageId)!;
  const {
    leaseToken: _token,
    giveUpAt: _budget,
    cancelReason: _wish,
    history: _history,
    orderKey: _orderKey,
    orderNo: _orderNo,
    nextAt,
    deadlineAt,
    sentAt,
    settledAt,
    ...rest
  } = row;
  const optional = (time: number | undefined): string | undefined => (time === undefined ? undefined : iso(time));
  return {
    ...rest,
    followUp: t.followUpOf(tx, row),
    type,
    key,
    recordedAt: iso(createdAt),
    nextAt: optional(nextAt),
    deadlineAt: optional(deadlineAt),
    sentAt: optional(sentAt),
    settledAt: optional(settledAt),
  };
}
