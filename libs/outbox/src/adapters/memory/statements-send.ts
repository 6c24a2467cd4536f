import {
  type DeliveryKey,
  type DeliveryState,
  EVERYBODY,
  type OpenState,
  type ParkCode,
  type Settlement,
} from '../../message/delivery';
import { errorText } from '../../message/receipt';
import type { ClaimRequest, ClaimResult, SettleRow } from '../../ports/store';
import { type DeliveryRow, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** A message is sent: the relay's statements. */

export function claim(t: OutboxTables, tx: MemoryTransaction, request: ClaimRequest): ClaimResult {
  const now = t.now();
  const deliveries: ClaimResult['deliveries'][number][] = [];
  const parked: ClaimResult['parked'][number][] = [];
  for (const { messageId, consumer } of dueRows(t, now, request)) {
    if (deliveries.length + parked.length === request.limit) break;
    if (t.message.get(tx, messageId)?.source !== request.source) continue;
    const row = t.delivery.tryLock(tx, keyOf({ messageId, consumer }));
    if (!row) continue;
    const code = givenUp(row, now, request);
    if (code) {
      const said = row.lastError?.startsWith(`${code}:`);
      const lastError = said
        ? row.lastError
        : errorText(row.lastError === undefined ? code : `${code}: ${row.lastError}`);
      t.update(tx, row, { state: 'parked', nextAt: undefined, leaseToken: undefined, lastError });
      parked.push({ messageId, consumer, code, error: row.lastError });
    } else {
      deliveries.push(claimed(t, tx, t.update(tx, row, leased(row, now, request))));
    }
  }
  return { deliveries, parked };
}

/** `order by next_at`: who waits longest comes first. */
function dueRows(t: OutboxTables, now: number, { except }: ClaimRequest): DeliveryRow[] {
  const due: DeliveryRow[] = [];
  for (const [, row] of t.delivery.entries(undefined)) {
    if (row.nextAt !== undefined && row.nextAt <= now && !except.includes(row.consumer)) due.push(row);
  }
  return due.sort((one, other) => one.nextAt! - other.nextAt! || (keyOf(one) < keyOf(other) ? -1 : 1));
}

function pastDeadline({ state, consumer, deadlineAt }: DeliveryRow, now: number): boolean {
  return (state === 'pending' || state === 'sent') && consumer !== EVERYBODY && (deadlineAt ?? Infinity) <= now;
}

function givenUp(row: DeliveryRow, now: number, { maxFollowUpAttempts }: ClaimRequest): ParkCode | undefined {
  const over = row.giveUpAt !== undefined && row.giveUpAt <= now;
  if (row.state === 'answered') return over || row.attempts >= maxFollowUpAttempts ? 'FOLLOW_UP_FAILED' : undefined;
  if (!over || pastDeadline(row, now)) return undefined;
  if (row.state === 'cancelling') return 'CANCEL_UNANSWERED';
  return row.lastError?.startsWith('NOBODY_LISTENS:') ? 'NOBODY_LISTENS' : 'GAVE_UP';
}

function leased(
  row: DeliveryRow,
  now: number,
  { leaseToken, leaseMs, giveUpAfterMs }: ClaimRequest,
): Partial<DeliveryRow> {
  const lease = { leaseToken, nextAt: now + leaseMs };
  if (pastDeadline(row, now)) return { ...lease, state: 'cancelling', attempts: 1, giveUpAt: now + giveUpAfterMs };
  return { ...lease, attempts: row.attempts + 1, giveUpAt: row.giveUpAt ?? now + giveUpAfterMs };
}

function claimed(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow): ClaimResult['deliveries'][number] {
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
    message: { ...message, recordedAt: iso(createdAt) },
  };
}

export function settle(t: OutboxTables, tx: MemoryTransaction, settlements: readonly SettleRow[]): DeliveryKey[] {
  const wanted = new Map(settlements.map((each) => [keyOf(each), each]));
  const now = t.now();
  const written: DeliveryKey[] = [];
  for (const row of t.lockFree(tx, settlements)) {
    const { leaseToken, settlement } = wanted.get(keyOf(row))!;
    if (row.leaseToken !== leaseToken || !MAY_LEAVE[settlement.kind].includes(row.state)) continue;
    t.update(tx, row, { leaseToken: undefined, ...settled(row, settlement, now) });
    written.push({ messageId: row.messageId, consumer: row.consumer });
  }
  return written;
}

/** The states each settlement may leave (R1). */
const MAY_LEAVE: Readonly<Record<Settlement['kind'], readonly DeliveryState[]>> = {
  sent: ['pending', 'sent'],
  delivered: ['pending'],
  retry: ['pending', 'sent'],
  again: ['cancelling', 'answered'],
  release: ['pending', 'sent', 'cancelling', 'answered'],
};

function settled(row: DeliveryRow, settlement: Settlement, now: number): Partial<DeliveryRow> {
  switch (settlement.kind) {
    case 'sent':
      return { state: 'sent', sentAt: now, nextAt: dueAfter(row, now, settlement.waitMs) };
    case 'delivered':
      return { state: 'delivered', sentAt: now, settledAt: now, nextAt: undefined };
    case 'retry':
      return {
        state: 'pending',
        nextAt: dueAfter(row, now, settlement.waitMs),
        lastError: errorText(settlement.error),
      };
    case 'again':
      return {
        nextAt: now + settlement.waitMs,
        lastError: settlement.error === undefined ? row.lastError : errorText(settlement.error),
      };
    case 'release':
      return {
        attempts: Math.max(0, row.attempts - 1),
        nextAt: dueAfter(row, now, settlement.waitMs),
        lastError: settlement.error === undefined ? row.lastError : errorText(settlement.error),
      };
    default:
      return settlement satisfies never;
  }
}

/** In `pending` and `sent` nobody waits past the deadline. */
export function dueAfter({ state, deadlineAt }: DeliveryRow, now: number, waitMs: number): number {
  const due = now + waitMs;
  return state === 'pending' || state === 'sent' ? Math.min(due, deadlineAt ?? Infinity) : due;
}
