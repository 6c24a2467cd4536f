import {
  type DeliveryKey,
  type DeliveryState,
  EVERYBODY,
  isFinal,
  type OpenState,
  type Settlement,
} from '../../message/delivery';
import { withHappening } from '../../message/history';
import { isPaused } from '../../message/pause';
import { errorText } from '../../message/receipt';
import { CODES, dueAfter, heldFor, HOLD_CODES, type HoldCode, judge, parkedText, STEPS } from '../../message/rules';
import type { ClaimRequest, ClaimResult, Settled, SettleRow, TurnLease } from '../../ports/store';
import { type DeliveryRow, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { lockedPauses } from './statements-pause';

/** A message is sent: the relay's statements. */

/** @returns also what is not at its turn: it is to be looked at again */
export async function claim(
  t: OutboxTables,
  tx: MemoryTransaction,
  request: ClaimRequest,
): Promise<ClaimResult & { waiting: DeliveryKey[] }> {
  const pauses = await lockedPauses(t, tx, request.source);
  const now = t.now();
  const deliveries: ClaimResult['deliveries'][number][] = [];
  const parked: ClaimResult['parked'][number][] = [];
  const waiting: DeliveryKey[] = [];
  let held = 0;
  for (const { messageId, consumer } of dueRows(t, now, request)) {
    if (deliveries.length + parked.length + held === request.limit) break;
    const message = t.message.get(tx, messageId);
    if (message?.source !== request.source) continue;
    const row = t.delivery.tryLock(tx, keyOf({ messageId, consumer }));
    if (!row) continue;
    const paused = isPaused(pauses, consumer, message.type);
    const outOfTurn = row.orderNo !== undefined && t.line(row)[0]!.orderNo! < row.orderNo;
    const ends = judge({ ...row, paused, outOfTurn }, now, request);
    if (ends?.in === 'parked') {
      const { code } = ends;
      const lastError = parkedText(code, row);
      const history = withHappening(row.history, { what: 'parked', attempt: row.attempts, code, why: lastError }, now);
      t.update(tx, row, { state: 'parked', nextAt: undefined, leaseToken: undefined, code, lastError, history });
      parked.push({ messageId, consumer, code: ends.code, error: row.lastError });
    } else if (ends?.in === 'held') {
      t.update(tx, row, heldBack(row, ends.code, now, message.createdAt));
      if (ends.code === CODES.waitsItsTurn) waiting.push({ messageId, consumer });
      held++;
    } else {
      deliveries.push(claimed(t, tx, t.update(tx, row, leased(row, ends?.in ?? row.state, now, request))));
    }
  }
  return { deliveries, parked, held, pauses, waiting };
}

/** `order by next_at`: who waits longest comes first. */
function dueRows(t: OutboxTables, now: number, { except }: ClaimRequest): DeliveryRow[] {
  const due: DeliveryRow[] = [];
  for (const [, row] of t.delivery.entries(undefined)) {
    if (row.nextAt !== undefined && row.nextAt <= now && !except.includes(row.consumer)) due.push(row);
  }
  return due.sort((one, other) => one.nextAt! - other.nextAt! || (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** Out of the way of what is due, until `resume` or `nextTurn`, the deadline, or for a while. */
function heldBack(
  { consumer, deadlineAt }: DeliveryRow,
  code: HoldCode,
  now: number,
  createdAt: number,
): Partial<DeliveryRow> {
  const latest = consumer === EVERYBODY ? Infinity : (deadlineAt ?? Infinity);
  const nextAt = Math.min(now + heldFor(code, now - createdAt), latest);
  return { nextAt, leaseToken: undefined, giveUpAt: undefined, code };
}

/** The next attempt, or the first of a new phase. */
export function leased(
  { state, attempts, giveUpAt, code: before, history }: DeliveryRow,
  next: DeliveryState,
  now: number,
  { leaseToken, leaseMs, giveUpAfterMs }: TurnLease,
): Partial<DeliveryRow> {
  const code = HOLD_CODES.some((held) => held === before) ? undefined : before;
  const lease = { leaseToken, nextAt: now + leaseMs, code };
  if (next !== state) {
    const passed = withHappening(history, { what: 'deadline-passed', attempt: attempts }, now);
    return { ...lease, state: next, attempts: 1, giveUpAt: now + giveUpAfterMs, history: passed };
  }
  return { ...lease, attempts: attempts + 1, giveUpAt: giveUpAt ?? now + giveUpAfterMs };
}

export function claimed(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow): ClaimResult['deliveries'][number] {
  const { messageId, consumer, attempts, deadlineAt, verdict, reason, result, cancelReason } = row;
  const { consumers: _, createdAt, ...message } = t.message.get(tx, messageId)!;
  return {
    messageId,
    consumer,
    state: row.state as OpenState,
    attempt: attempts,
    leaseToken: row.leaseToken!,
    deadlineAt: deadlineAt === undefined ? undefined : iso(deadlineAt),
    answer: verdict && { verdict, reason, result },
    cancelReason,
    ordered: row.orderNo !== undefined,
    message: { ...message, recordedAt: iso(createdAt) },
  };
}

export function settle(t: OutboxTables, tx: MemoryTransaction, settlements: readonly SettleRow[]): Settled {
  const wanted = new Map(settlements.map((each) => [keyOf(each), each]));
  const now = t.now();
  const written: DeliveryKey[] = [];
  const isOurs = (row: DeliveryRow): boolean => {
    const { leaseToken, settlement } = wanted.get(keyOf(row))!;
    return row.leaseToken === leaseToken && STEPS[settlement.kind].leaves.some((state) => state === row.state);
  };
  for (const row of t.lockFree(tx, settlements).filter(isOurs)) {
    const { settlement } = wanted.get(keyOf(row))!;
    t.update(tx, row, { ...settled(row, settlement, now), history: historyAfter(row, settlement, now) });
    written.push({ messageId: row.messageId, consumer: row.consumer });
  }
  // What was written has no lease any more.
  const held = settlements.filter((key) => {
    const row = t.delivery.get(tx, keyOf(key));
    return row !== undefined && isOurs(row);
  });
  return { written, held: held.map(({ messageId, consumer }) => ({ messageId, consumer })) };
}

/** What went as it should is not in it. */
function historyAfter(
  { state, attempts, history }: DeliveryRow,
  settlement: Settlement,
  now: number,
): DeliveryRow['history'] {
  if (!('error' in settlement) || settlement.error === undefined) return history;
  const what = state === 'answered' ? 'follow-up-failed' : 'send-failed';
  const { code, error } = settlement;
  return withHappening(
    history,
    { what, attempt: attempts, ...(code !== undefined && { code }), why: errorText(error) },
    now,
  );
}

function settled(row: DeliveryRow, settlement: Settlement, now: number): Partial<DeliveryRow> {
  const { becomes: state = row.state, sends, uncounted } = STEPS[settlement.kind];
  const trouble = { code: row.code, lastError: row.lastError };
  if ('code' in settlement && settlement.code !== undefined) trouble.code = settlement.code;
  if ('error' in settlement && settlement.error !== undefined) trouble.lastError = errorText(settlement.error);
  return {
    ...trouble,
    state,
    leaseToken: undefined,
    attempts: uncounted ? Math.max(0, row.attempts - 1) : row.attempts,
    nextAt: 'waitMs' in settlement ? dueAfter(row, now, settlement.waitMs) : undefined,
    sentAt: sends ? now : row.sentAt,
    settledAt: isFinal(state) ? now : undefined,
  };
}
