import { outOfTime } from '../../message/age';
import { PAST_DEADLINE, type Reason } from '../../message/receipt';
import {
  type InboxBegin,
  type InboxLook,
  type InboxMessage,
  type InboxReject,
  type InboxResult,
  type InboxRow,
  type RegisteredHandler,
  TwinInProgressError,
} from '../../ports/store';
import { MemoryDatabaseError } from './memory-database-error';
import { asJson, inboxKeyOf, type InboxMessageRow, iso, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** The consumer's half: the statements of the inbox. */

interface Limits {
  readonly horizonMs: number;
  readonly lockTimeoutMs: number;
}

export async function begin(
  t: OutboxTables,
  tx: MemoryTransaction,
  message: InboxMessage,
  limits: Limits,
): Promise<InboxBegin> {
  const seen = look(t, tx, message, limits);
  if (seen.kind !== 'new') return seen;
  const inserted = await insert(t, tx, message, limits, () => (isPastDeadline(t, message) ? PAST_DEADLINE : undefined));
  const row = stored(t, tx, message)!;
  if (!inserted) return { kind: 'known', row };
  return row.verdict === 'rejected' ? { kind: 'past-deadline', row } : { kind: 'first', receivedAt: row.receivedAt };
}

export async function beginMany(
  t: OutboxTables,
  tx: MemoryTransaction,
  messages: readonly InboxMessage[],
  limits: Limits,
): Promise<{ messageId: string; receivedAt: string }[]> {
  const begun: { messageId: string; receivedAt: string }[] = [];
  const inOrder = [...messages].sort((a, b) => (a.messageId < b.messageId ? -1 : 1));
  for (const message of inOrder) {
    if (look(t, tx, message, limits).kind !== 'new' || isPastDeadline(t, message)) continue;
    if (!(await insert(t, tx, message, limits, () => undefined))) continue;
    begun.push({ messageId: message.messageId, receivedAt: stored(t, tx, message)!.receivedAt });
  }
  return begun;
}

export async function keepResults(
  t: OutboxTables,
  tx: MemoryTransaction,
  results: readonly InboxResult[],
): Promise<void> {
  for (const { key, result } of results) {
    if (await t.inbox.lock(tx, inboxKeyOf(key), {})) t.inbox.update(tx, inboxKeyOf(key), { result: asJson(result) });
  }
}

export async function reject(
  t: OutboxTables,
  tx: MemoryTransaction,
  message: InboxMessage,
  reason: Reason,
  limits: Limits,
): Promise<InboxReject> {
  const seen = look(t, tx, message, limits);
  if (seen.kind !== 'new') return seen;
  const inserted = await insert(t, tx, message, limits, () => reason);
  return { kind: inserted ? 'stored' : 'known', row: stored(t, tx, message)! };
}

export function look(
  t: OutboxTables,
  tx: MemoryTransaction,
  message: InboxMessage,
  { horizonMs }: { horizonMs: number },
): InboxLook {
  const row = stored(t, tx, message);
  if (row) return { kind: 'known', row };
  const kind = outOfTime(t.now() - Date.parse(message.recordedAt), horizonMs);
  return { kind: kind ?? 'new' };
}

export async function registerHandlers(
  t: OutboxTables,
  tx: MemoryTransaction,
  consumer: string,
  handlers: readonly RegisteredHandler[],
): Promise<RegisteredHandler[]> {
  for (const { type, where } of handlers) await t.handler.insert(tx, `${consumer} ${type}`, () => ({ type, where }));
  return [...t.handler.entries(tx)]
    .filter(([key, { type }]) => key === `${consumer} ${type}` && !handlers.some((each) => each.type === type))
    .map(([, { type, where }]) => ({ type, where }))
    .sort((one, other) => (one.type < other.type ? -1 : 1));
}

export function pruneInbox(
  t: OutboxTables,
  tx: MemoryTransaction,
  consumer: string,
  olderThanMs: number,
  limit: number,
): number {
  const before = t.now() - olderThanMs;
  let pruned = 0;
  for (const [key, { receivedAt }] of [...t.inbox.entries(tx)]) {
    if (pruned === limit) break;
    if (receivedAt > before || !key.startsWith(`${consumer} `) || !t.inbox.tryLock(tx, key)) continue;
    t.inbox.delete(tx, key);
    pruned++;
  }
  return pruned;
}

function isPastDeadline(t: OutboxTables, { deadlineAt }: InboxMessage): boolean {
  return deadlineAt !== undefined && Date.parse(deadlineAt) <= t.now();
}

/** The unique key decides who is first: a twin's insert waits until this transaction ends (R2). */
async function insert(
  t: OutboxTables,
  tx: MemoryTransaction,
  message: InboxMessage,
  { lockTimeoutMs }: Limits,
  rejection: () => Reason | undefined,
): Promise<boolean> {
  const { payloadHash } = message;
  const row = (): InboxMessageRow => {
    const reason = asJson(rejection());
    const verdict = reason ? 'rejected' : 'accepted';
    return { verdict, reason, result: undefined, payloadHash, receivedAt: t.now() };
  };
  try {
    return await t.inbox.insert(tx, inboxKeyOf(message), row, { timeoutMs: lockTimeoutMs });
  } catch (error) {
    if (!(error instanceof MemoryDatabaseError) || error.code !== '55P03') throw error;
    throw new TwinInProgressError(`message ${message.messageId} is being handled by another copy`, { cause: error });
  }
}

function stored(t: OutboxTables, tx: MemoryTransaction, message: InboxMessage): InboxRow | undefined {
  const row = t.inbox.get(tx, inboxKeyOf(message));
  return row && { ...row, receivedAt: iso(row.receivedAt) };
}
