import { may, reopened } from '../../message/acts';
import { type DeliveryKey, isFinal } from '../../message/delivery';
import { type Happening, withHappening } from '../../message/history';
import { errorText } from '../../message/receipt';
import { CODES, NOTES, noteBefore } from '../../message/rules';
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

export async function cancel(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  { to, reason, by }: { to?: string; reason: string; by?: string },
): Promise<DeliveryKey[]> {
  const rows = await t.lockAll(tx, messageId, to);
  const now = t.now();
  const cancellable = rows.filter((row) => may('cancel', row));
  const changed = change(t, tx, cancellable, ({ deadlineAt, lastError, history }) => ({
    state: 'cancelling',
    attempts: 0,
    nextAt: now,
    leaseToken: undefined,
    deadlineAt: Math.min(deadlineAt ?? now, now),
    giveUpAt: undefined,
    cancelReason: errorText(reason),
    code: CODES.cancelled,
    lastError: noteBefore(errorText(NOTES.cancelled(reason)), lastError),
    history: withHappening(history, { what: 'cancel-requested', code: CODES.cancelled, ...said({ reason, by }) }, now),
  }));
  return audited(t, tx, { verb: 'cancel', messageId, to, by, reason }, changed);
}

export async function retry(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  { to, deadlineMs, by, reason }: { to?: string; deadlineMs?: number; by?: string; reason?: string },
): Promise<DeliveryKey[]> {
  const rows = await t.lockAll(tx, messageId, to);
  const now = t.now();
  const parked = rows.filter((row) => may('retry', row));
  const changed = change(t, tx, parked, (row) => {
    const deadlineAt = deadlineMs === undefined ? row.deadlineAt : now + deadlineMs;
    const cancelReason = deadlineMs === undefined ? row.cancelReason : undefined;
    return {
      state: reopened({ ...row, deadlineAt }, now),
      attempts: 0,
      nextAt: now,
      deadlineAt,
      giveUpAt: undefined,
      cancelReason,
      code: undefined,
      lastError: undefined,
      history: withHappening(row.history, { what: 'retried', ...said({ reason, by }) }, now),
    };
  });
  return audited(t, tx, { verb: 'retry', messageId, to, by, reason }, changed);
}

export async function discard(
  t: OutboxTables,
  tx: MemoryTransaction,
  messageId: string,
  { to, reason, force, by }: { to?: string; reason: string; force: boolean; by?: string },
): Promise<DeliveryKey[]> {
  const rows = await t.lockAll(tx, messageId, to);
  const allowed = rows.filter((row) => may(force ? 'discard-by-force' : 'discard', row));
  const settledAt = t.now();
  const changed = change(t, tx, allowed, ({ lastError, history }) => ({
    state: 'discarded',
    settledAt,
    lastError: noteBefore(errorText(NOTES.discarded(reason)), lastError),
    history: withHappening(history, { what: 'discarded', ...said({ reason, by }) }, settledAt),
  }));
  return audited(t, tx, { verb: 'discard', messageId, to, by, reason }, changed);
}

/** Why and by whom, in their bounds; who said nothing is not there. */
function said({ reason, by }: { reason?: string | undefined; by?: string | undefined }): Pick<Happening, 'why' | 'by'> {
  return { ...(reason !== undefined && { why: errorText(reason) }), ...(by !== undefined && { by: errorText(by) }) };
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

function change(
  t: OutboxTables,
  tx: MemoryTransaction,
  rows: readonly DeliveryRow[],
  to: (row: DeliveryRow) => Partial<DeliveryRow>,
): DeliveryKey[] {
  for (const row of rows) t.update(tx, row, to(row));
  return rows.map(({ messageId, consumer }) => ({ messageId, consumer }));
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
