import type { ClaimedDelivery, DeliveryKey } from '../../message/delivery';
import { CODES } from '../../message/rules';
import { isHeld, letGo, taken } from '../../message/transitions';
import type { NextTurns, TurnLease } from '../../ports/store';
import { type DeliveryRow, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { claimedOf } from './statements-send';

/** Whoever is next of a key is let go. */

export function nextTurn(
  t: OutboxTables,
  tx: MemoryTransaction,
  keys: readonly DeliveryKey[],
  lease: TurnLease | undefined,
): NextTurns {
  const took: ClaimedDelivery[] = [];
  const held: DeliveryKey[] = [];
  let due = 0;
  for (const key of keys) {
    const row = t.delivery.get(undefined, keyOf(key));
    const next = row && t.line(row)[0];
    const first = lockHeld(t, tx, next);
    if (!first) {
      if (next && isHeld(next, CODES.waitsItsTurn)) held.push({ messageId: next.messageId, consumer: next.consumer });
      continue;
    }
    const delivery = lease && take(t, tx, first, lease);
    if (delivery) {
      took.push(delivery);
    } else {
      t.update(tx, first, letGo(t.now()));
      due++;
    }
  }
  return { due, taken: took, held };
}

/** Of a line whose `closed` ones are made final by the same statement. */
export function takeNext(
  t: OutboxTables,
  tx: MemoryTransaction,
  line: Pick<DeliveryRow, 'consumer' | 'orderKey'>,
  closed: readonly DeliveryKey[],
  lease: TurnLease,
): ClaimedDelivery | undefined {
  const isClosed = new Set(closed.map(keyOf));
  const first = lockHeld(
    t,
    tx,
    t.line(line).find((row) => !isClosed.has(keyOf(row))),
  );
  return first && take(t, tx, first, lease);
}

/** Locked and looked at again, if it is held for its turn, and nobody else has it. */
function lockHeld(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow | undefined): DeliveryRow | undefined {
  const locked = row && t.delivery.tryLock(tx, keyOf(row));
  return locked && isHeld(locked, CODES.waitsItsTurn) ? locked : undefined;
}

function take(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow, lease: TurnLease): ClaimedDelivery | undefined {
  const change = taken(row, lease, t.now());
  return change && claimedOf(t, tx, t.update(tx, row, change));
}
