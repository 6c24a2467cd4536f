import type { DeliveryKey, OpenState } from '../../message/delivery';
import { isPaused } from '../../message/pause';
import { CODES } from '../../message/rules';
import { claimed, marked, mayBeMarked } from '../../message/transitions';
import type { ClaimRequest, ClaimResult, Marked, MarkRow } from '../../ports/store';
import { type DeliveryRow, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { lockedPauses } from './statements-pause';

/** A message is sent: the relay's statements. */

/** @returns also what is not at its turn: it is to be looked at again */
export async function claim(t: OutboxTables, tx: MemoryTransaction, request: ClaimRequest): Promise<ClaimResult> {
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
    const claim = claimed(row, { now, createdAt: message.createdAt, paused, outOfTurn }, request);
    const after = t.update(tx, row, claim.change);
    switch (claim.kind) {
      case 'leased':
        deliveries.push(claimedOf(t, tx, after));
        break;
      case 'parked':
        parked.push({ messageId, consumer, code: claim.code, error: row.lastError });
        break;
      case 'held':
        if (claim.code === CODES.waitsItsTurn) waiting.push({ messageId, consumer });
        held++;
        break;
      default:
        claim satisfies never;
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

export function claimedOf(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow): ClaimResult['deliveries'][number] {
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

export function mark(t: OutboxTables, tx: MemoryTransaction, marks: readonly MarkRow[]): Marked {
  const wanted = new Map(marks.map((each) => [keyOf(each), each]));
  const written: DeliveryKey[] = [];
  for (const row of t.lockFree(tx, marks)) {
    const { leaseToken, mark } = wanted.get(keyOf(row))!;
    const change = marked(row, leaseToken, mark, t.now());
    if (!change) continue;
    t.update(tx, row, change);
    written.push({ messageId: row.messageId, consumer: row.consumer });
  }
  // What was written has no lease any more.
  const held = marks.filter((each) => {
    const row = t.delivery.get(tx, keyOf(each));
    return row !== undefined && mayBeMarked(row, each.leaseToken, each.mark);
  });
  return { written, held: held.map(({ messageId, consumer }) => ({ messageId, consumer })) };
}
