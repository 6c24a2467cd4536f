import type { FollowUp } from '../../message/contract';
import {
  type DeliveryKey,
  expects,
  type ParkCode,
  type ReceivedAnswer,
  type StoredAnswer,
  type Trouble,
} from '../../message/delivery';
import { contentHash } from '../../message/payload';
import {
  type Change,
  closed,
  closedAnswered,
  deferred,
  keptAnswer,
  lateVerdict,
  parked,
} from '../../message/transitions';
import type { AnsweredDelivery, ClosedDelivery, ClosedRow, TurnLease } from '../../ports/store';
import { asJson, type DeliveryRow, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import { takeNext } from './statements-turn';

/** A receipt came back: the statements that apply it. */

export function closeMany(
  t: OutboxTables,
  tx: MemoryTransaction,
  answers: readonly AnsweredDelivery[],
  lease: TurnLease | undefined,
): ClosedRow[] {
  const wanted = new Map(answers.map((each) => [keyOf(each), each.answer]));
  if (wanted.size < answers.length) throw new Error('closeMany was given a delivery twice');
  const now = t.now();
  const ended: DeliveryRow[] = [];
  for (const row of t.lockFree(tx, answers)) {
    const answer = wanted.get(keyOf(row))!;
    const change = closed(row, asStored(answer), now);
    if (!change || expects(t.followUpOf(tx, row), answer.verdict) || !isAbout(t, tx, row, answer)) continue;
    ended.push(t.update(tx, row, change));
  }
  return ended.map((row) => {
    const { messageId, consumer, orderNo } = row;
    const { type, createdAt } = t.message.get(tx, messageId)!;
    const ordered = orderNo !== undefined;
    const next = lease && ordered ? takeNext(t, tx, row, ended, lease) : undefined;
    return { messageId, consumer, type, ordered, ageMs: now - createdAt, ...(next && { next }) };
  });
}

export async function close(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  answer: ReceivedAnswer,
): Promise<ClosedDelivery | undefined> {
  const row = await t.lockOne(tx, key);
  const change = row && closed(row, asStored(answer), t.now());
  if (!change || !isAbout(t, tx, row, answer)) return undefined;
  t.update(tx, row, change);
  const { consumers: _, createdAt, ...message } = t.message.get(tx, row.messageId)!;
  return {
    messageId: row.messageId,
    consumer: row.consumer,
    followUp: t.followUpOf(tx, row),
    attempt: row.attempts,
    ordered: row.orderNo !== undefined,
    ageMs: t.now() - createdAt,
    message: { ...message, recordedAt: iso(createdAt) },
  };
}

export function keepAnswer(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  answer: ReceivedAnswer,
  later: { waitMs: number } & Trouble,
): Promise<boolean> {
  return changeOne(t, tx, key, answer, (row) => keptAnswer(row, asStored(answer), later, t.now()));
}

export async function closeAnswered(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  leaseToken: string,
): Promise<FollowUp | undefined> {
  const row = await t.lockOne(tx, key);
  const change = row && closedAnswered(row, leaseToken, t.now());
  return change && t.followUpOf(tx, t.update(tx, row, change));
}

export function defer(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  attempt: number,
  later: { waitMs: number; payloadHash?: string } & Trouble,
): Promise<boolean> {
  return changeOne(t, tx, key, later, (row) => deferred(row, attempt, later, t.now()));
}

export function park(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  attempt: number | 'any',
  reason: { code: ParkCode; error: string; payloadHash?: string },
): Promise<boolean> {
  return changeOne(t, tx, key, reason, (row) => parked(row, attempt, reason, t.now()));
}

export async function noteLateVerdict(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  answer: ReceivedAnswer,
): Promise<void> {
  await changeOne(t, tx, key, answer, (row) => lateVerdict(row, asStored(answer), t.now()));
}

/** One row, by what was said about this content. @returns whether it was written */
async function changeOne(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  about: { payloadHash?: string | undefined },
  change: (row: DeliveryRow) => Change,
): Promise<boolean> {
  const row = await t.lockOne(tx, key);
  const changed = row && change(row);
  if (!changed || !isAbout(t, tx, row, about)) return false;
  t.update(tx, row, changed);
  return true;
}

export function contentHashOf(t: OutboxTables, tx: MemoryTransaction, messageId: string): string | undefined {
  const message = t.message.get(tx, messageId);
  return message && contentHash(message.type, message.payload);
}

/** Is the answer to what was recorded? */
function isAbout(
  t: OutboxTables,
  tx: MemoryTransaction,
  { messageId }: DeliveryRow,
  { payloadHash }: { payloadHash?: string | undefined },
): boolean {
  return payloadHash === undefined || payloadHash === contentHashOf(t, tx, messageId);
}

/** As a row gives it back. */
function asStored<Answer extends StoredAnswer>(answer: Answer): Answer {
  return { ...answer, reason: asJson(answer.reason), result: asJson(answer.result) };
}
