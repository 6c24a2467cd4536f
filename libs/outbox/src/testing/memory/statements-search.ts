import type { DeliveryKey } from '../../message/delivery';
import { isOneOf } from '../../message/rules';
import type { Criteria, DeliveryRecord } from '../../ports/store';
import { type DeliveryRow, keyOf, type MessageRow, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { recordOf } from './statements-operate';

/** Everything of a service that the criteria are true of, newest first. */
export function search(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  criteria: Criteria,
  after: DeliveryKey | undefined,
): DeliveryRecord[] {
  const asked = Object.entries(criteria).filter(([, given]) => given !== undefined) as [keyof Criteria, never][];
  return [...t.delivery.entries(tx)]
    .filter(([key, row]) => {
      const message = t.message.get(tx, row.messageId)!;
      const found = { row, message, ageMs: t.now() - message.createdAt };
      return (
        message.source === source &&
        (after === undefined || key < keyOf(after)) &&
        asked.every(([name, given]) => HOLDS[name](given, found))
      );
    })
    .sort(([one], [other]) => (one < other ? 1 : -1))
    .map(([, row]) => recordOf(t, tx, row));
}

interface Found {
  readonly row: DeliveryRow;
  readonly message: MessageRow;
  readonly ageMs: number;
}

type Holds = { readonly [Name in keyof Criteria]-?: (given: NonNullable<Criteria[Name]>, found: Found) => boolean };

const HOLDS: Holds = {
  states: (states, { row }) => isOneOf(states, row.state),
  type: (type, { message }) =>
    type.endsWith('*') ? message.type.startsWith(type.slice(0, -1)) : message.type === type,
  to: (to, { row }) => row.consumer === to,
  key: (key, { message }) => message.key === key,
  id: (id, { row }) => row.messageId === id.toLowerCase(),
  olderMs: (age, { ageMs }) => ageMs > age,
  newerMs: (age, { ageMs }) => ageMs < age,
  reason: (reason, { row }) => row.reason?.code === reason,
  code: (code, { row }) => row.code === code,
  error: (part, { row }) => row.lastError?.toLowerCase().includes(part.toLowerCase()) ?? false,
  data: (fields, { message }) => fields.every(({ path, value }) => textAt(JSON.parse(message.payload), path) === value),
};

/** As `#>>`: a text as it is, everything else as JSON; nothing where there is nothing, or null. */
function textAt(payload: unknown, path: readonly string[]): string | undefined {
  let at = payload;
  for (const name of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  if (at === undefined || at === null) return undefined;
  return typeof at === 'string' ? at : JSON.stringify(at);
}
