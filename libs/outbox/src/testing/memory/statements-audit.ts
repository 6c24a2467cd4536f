import type { DeliveryKey } from '../../message/delivery';
import { errorText } from '../../message/receipt';
import type { AuditRecord } from '../../ports/store';
import { iso, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** What an operation was asked to do, and by whom. */
interface Asked {
  readonly verb: AuditRecord['verb'];
  readonly messageId: string;
  readonly to?: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Writes down who asked for what has changed, if somebody is named and anything changed. */
export async function audited(
  t: OutboxTables,
  tx: MemoryTransaction,
  { verb, messageId, to, by, reason }: Asked,
  changed: DeliveryKey[],
): Promise<DeliveryKey[]> {
  if (by === undefined || changed.length === 0) return changed;
  const id = t.nextAuditId();
  await t.audit.insert(tx, String(id), () => ({
    id,
    at: t.now(),
    source: t.message.get(tx, messageId)!.source,
    actor: errorText(by),
    verb,
    target: `id:${messageId}${to === undefined ? '' : ` to:${to}`}`,
    changed: changed.length,
    reason: reason === undefined ? undefined : errorText(reason),
  }));
  return changed;
}

/** What people did, newest first. */
export function audit(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  { limit, after }: { limit: number; after?: string },
): AuditRecord[] {
  return [...t.audit.entries(tx)]
    .map(([, row]) => row)
    .filter((row) => row.source === source && (after === undefined || row.id < Number(after)))
    .sort((one, other) => other.id - one.id)
    .slice(0, limit)
    .map(({ id, at, source: _service, ...rest }) => ({ ...rest, id: String(id), at: iso(at) }));
}
