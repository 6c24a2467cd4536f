import type { DeliveryKey } from '../../message/delivery';
import { type Pause, type PauseTarget, pauseText } from '../../message/pause';
import { errorText } from '../../message/receipt';
import { type Asked, cancelled, type Change, discarded, retried } from '../../message/transitions';
import type { BulkVerb } from '../../ports/jobs';
import { keyOf } from '../rows';
import type { Ask } from './question';
import { deliveryOf, keyIn, pauseOf, type ReadDelivery } from './rows';
import { release } from './sending';
import { lockKeys, lockMessage, readMessage, writeDeliveries } from './sql/delivery';
import { deleteMessages, lockMessages, oldMessages, writeAudit } from './sql/operate';
import { deletePause, heldByPause, lockPause, writePause } from './sql/pause';
import { deleteTurns, pruneTurns } from './sql/turn';
import type { MariaDbTables } from './tables';

/** People decide, and time sweeps up. Each in one transaction, its own or the caller's. */

/** What is asked of the deliveries of a message, or of the one to a consumer. */
export interface Order extends Asked {
  readonly messageId: string;
  readonly to?: string | undefined;
}

export function cancel(t: MariaDbTables, ask: Ask, order: Order & { readonly reason: string }): Promise<DeliveryKey[]> {
  return changeAll(t, ask, 'cancel', order, (row) => cancelled(row, order, row.now));
}

export function retry(
  t: MariaDbTables,
  ask: Ask,
  order: Order & { readonly deadlineMs?: number | undefined },
): Promise<DeliveryKey[]> {
  return changeAll(t, ask, 'retry', order, (row) => retried(row, order, order.deadlineMs, row.now));
}

export function discard(
  t: MariaDbTables,
  ask: Ask,
  order: Order & { readonly reason: string; readonly force: boolean },
): Promise<DeliveryKey[]> {
  return changeAll(t, ask, 'discard', order, (row) => discarded(row, order, order.force, row.now));
}

/** A message's consumers are few, and a person wants all of them: this waits for rows that others hold. */
async function changeAll(
  t: MariaDbTables,
  ask: Ask,
  verb: BulkVerb,
  { messageId: id, to, by, reason }: Order,
  change: (row: ReadDelivery) => Change,
): Promise<DeliveryKey[]> {
  const messageId = id.toLowerCase();
  const keys = (await ask(readMessage(t, messageId, to))).rows.map(keyOf);
  const locking = keys.length > 0 ? lockKeys(t, keys, 'wait') : lockMessage(t, messageId, to);
  const locked = (await ask(locking)).rows.map(deliveryOf);
  const rows = locked.flatMap((row) => {
    const changed = change(row);
    return changed ? [{ ...row, ...changed }] : [];
  });
  const [first] = rows;
  if (!first) return [];
  await ask(writeDeliveries(t, rows));
  if (by !== undefined) {
    const target = `id:${messageId}${to === undefined ? '' : ` to:${to}`}`;
    const said = { actor: errorText(by), reason: reason === undefined ? undefined : errorText(reason) };
    await ask(writeAudit(t, { source: first.source, verb, target, changed: rows.length, ...said }));
  }
  return rows.map(keyIn);
}

export async function pause(
  t: MariaDbTables,
  ask: Ask,
  source: string,
  target: PauseTarget,
  { by, reason }: { by: string; reason: string },
): Promise<Pause> {
  const said = { actor: errorText(by), reason: errorText(reason) };
  await ask(writePause(t, source, target, said.actor, said.reason));
  const [row] = (await ask(lockPause(t, source, target))).rows;
  await ask(writeAudit(t, { source, verb: 'pause', target: pauseText(target), changed: 1, ...said }));
  return pauseOf(row!);
}

/** What it held is released by another transaction: a claim under way obeyed the pause until its end was written. */
export async function resume(
  t: MariaDbTables,
  ask: Ask,
  source: string,
  target: PauseTarget,
  { by, reason }: { by: string; reason: string | undefined },
): Promise<Pause | undefined> {
  const [row] = (await ask(lockPause(t, source, target))).rows;
  if (!row) return undefined;
  await ask(deletePause(t, source, target));
  const said = { actor: errorText(by), reason: reason === undefined ? undefined : errorText(reason) };
  await ask(writeAudit(t, { source, verb: 'resume', target: pauseText(target), changed: 1, ...said }));
  return pauseOf(row);
}

/** @returns how many are due, and whether there may be more */
export async function releasePaused(
  t: MariaDbTables,
  ask: Ask,
  source: string,
  target: PauseTarget,
  limit: number,
): Promise<{ released: number; more: boolean }> {
  const keys = (await ask(heldByPause(t, source, target, limit))).rows.map((row) => ({
    messageId: row.message_id!,
    consumer: row.consumer!,
  }));
  const released = await release(t, ask, keys);
  return { released, more: keys.length === limit && released > 0 };
}

export async function prune(
  t: MariaDbTables,
  ask: Ask,
  source: string,
  olderThanMs: number,
  limit: number,
): Promise<number> {
  const old = (await ask(oldMessages(t, source, olderThanMs, limit))).rows.map((row) => row.message_id!);
  const ids = old.length === 0 ? [] : (await ask(lockMessages(t, old))).rows.map((row) => row.id!);
  if (ids.length > 0) for (const step of deleteMessages(t, ids)) await ask(step);
  const turns = (await ask(pruneTurns(t, source, olderThanMs, limit))).rows.map((row) => row.order_key!);
  if (turns.length > 0) await ask(deleteTurns(t, turns));
  return ids.length;
}
