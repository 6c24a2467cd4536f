import type { ClaimedDelivery, DeliveryKey } from '../../message/delivery';
import { CODES, isPastDeadline } from '../../message/rules';
import type { NextTurns, TurnLease } from '../../ports/store';
import { type DeliveryRow, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { claimed, leased } from './statements-send';

/** Whoever is next of a key is let go. */

export function nextTurn(
  t: OutboxTables,
  tx: MemoryTransaction,
  keys: readonly DeliveryKey[],
  lease: TurnLease | undefined,
): NextTurns {
  const taken: ClaimedDelivery[] = [];
  let due = 0;
  for (const key of keys) {
    const row = t.delivery.get(undefined, keyOf(key));
    const first = row && lockHeld(t, tx, t.line(row)[0]);
    if (!first) continue;
    if (lease && !isPastDeadline(first, t.now())) {
      taken.push(take(t, tx, first, lease));
    } else {
      t.update(tx, first, { nextAt: t.now(), code: undefined });
      due++;
    }
  }
  return { due, taken };
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
  return first && !isPastDeadline(first, t.now()) ? take(t, tx, first, lease) : undefined;
}

/** Locked and looked at again, if it is held for its turn, and nobody else has it. */
function lockHeld(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow | undefined): DeliveryRow | undefined {
  const locked = row && t.delivery.tryLock(tx, keyOf(row));
  return locked?.code === CODES.waitsItsTurn ? locked : undefined;
}

function take(t: OutboxTables, tx: MemoryTransaction, row: DeliveryRow, lease: TurnLease): ClaimedDelivery {
  return claimed(t, tx, t.update(tx, row, leased(row, row.state, t.now(), lease)));
}
