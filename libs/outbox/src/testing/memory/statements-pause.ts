import { isPaused, type Pause, type PauseTarget, pauseText } from '../../message/pause';
import { errorText } from '../../message/receipt';
import { CODES } from '../../message/rules';
import { isHeld, letGo } from '../../message/transitions';
import type { AuditRecord } from '../../ports/store';
import { iso, keyOf, type OutboxTables, type PauseRow } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** Sending stops and goes on. */

export async function pause(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  target: PauseTarget,
  { by, reason }: { by: string; reason: string },
): Promise<Pause> {
  const key = pauseKeyOf(source, target);
  const said = { by: errorText(by), reason: errorText(reason) };
  const { to, type } = target;
  const isNew = await t.pause.insert(tx, key, () => ({ source, to, type, since: t.now(), ...said }));
  const row = isNew ? t.pause.get(tx, key)! : t.pause.update(tx, key, said);
  await audited(t, tx, 'pause', row, said);
  return pauseOf(row);
}

/** One statement deletes the pause, the next releases: a claim that obeyed it holds its lock until it has committed. */
export async function resume(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  target: PauseTarget,
  asked: { by: string; reason: string | undefined },
): Promise<Pause | undefined> {
  const key = pauseKeyOf(source, target);
  const row = await t.pause.lock(tx, key, {});
  if (!row) return undefined;
  t.pause.delete(tx, key);
  const reason = asked.reason === undefined ? undefined : errorText(asked.reason);
  await audited(t, tx, 'resume', row, { by: errorText(asked.by), reason });
  return pauseOf(row);
}

export function releaseHeld(t: OutboxTables, tx: MemoryTransaction, source: string, target: PauseTarget): number {
  const now = t.now();
  let released = 0;
  for (const [key, row] of [...t.delivery.entries(tx)]) {
    const message = t.message.get(tx, row.messageId)!;
    const held = isHeld(row, CODES.paused) && row.nextAt !== undefined && row.nextAt > now;
    if (!held || message.source !== source || !isPaused([target], row.consumer, message.type)) continue;
    if (!t.delivery.tryLock(tx, key)) continue;
    t.delivery.update(tx, keyOf(row), letGo(now));
    released++;
  }
  return released;
}

/** `select … for key share`: none ends before this transaction does. */
export async function lockedPauses(t: OutboxTables, tx: MemoryTransaction, source: string): Promise<Pause[]> {
  const keys = [...t.pause.entries(tx)].filter(([, row]) => row.source === source).map(([key]) => key);
  const rows: PauseRow[] = [];
  for (const key of keys.sort()) {
    const row = await t.pause.lock(tx, key, {});
    if (row) rows.push(row);
  }
  return rows.map(pauseOf);
}

export function pauses(t: OutboxTables, tx: MemoryTransaction, source: string): Pause[] {
  return [...t.pause.entries(tx)]
    .map(([, row]) => row)
    .filter((row) => row.source === source)
    .sort((one, other) => one.since - other.since)
    .map(pauseOf);
}

async function audited(
  t: OutboxTables,
  tx: MemoryTransaction,
  verb: AuditRecord['verb'],
  row: PauseRow,
  { by, reason }: { by: string; reason: string | undefined },
): Promise<void> {
  const id = t.nextAuditId();
  const { source } = row;
  const entry = { id, at: t.now(), source, actor: by, verb, target: pauseText(row), changed: 1, reason };
  await t.audit.insert(tx, String(id), () => entry);
}

function pauseKeyOf(source: string, { to = '', type = '' }: PauseTarget): string {
  return `${source} ${to} ${type}`;
}

function pauseOf({ to, type, since, by, reason }: PauseRow): Pause {
  return { ...(to !== undefined && { to }), ...(type !== undefined && { type }), since: iso(since), by, reason };
}
