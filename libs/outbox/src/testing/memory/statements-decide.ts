import { may } from '../../message/acts';
import type { FollowUp } from '../../message/contract';
import {
  type DeliveryKey,
  expects,
  finalStateOf,
  type ParkCode,
  type ReceivedAnswer,
  type StoredAnswer,
  type Trouble,
} from '../../message/delivery';
import { withHappening } from '../../message/history';
import { contentHash } from '../../message/payload';
import { errorText } from '../../message/receipt';
import { CODES, dueAfter, isOneOf, NOTES, noteBefore, ON_THE_WAY, PARKABLE } from '../../message/rules';
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
  const closed: DeliveryRow[] = [];
  for (const row of t.lockFree(tx, answers)) {
    const answer = wanted.get(keyOf(row))!;
    if (!may('answer', row) || expects(t.followUpOf(tx, row), answer.verdict) || !isAbout(t, tx, row, answer)) continue;
    closed.push(t.update(tx, row, closedBy(answer, now)));
  }
  return closed.map((row) => {
    const { messageId, consumer, orderNo } = row;
    const { type, createdAt } = t.message.get(tx, messageId)!;
    const ordered = orderNo !== undefined;
    const next = lease && ordered ? takeNext(t, tx, row, closed, lease) : undefined;
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
  if (!row || !may('answer', row) || !isAbout(t, tx, row, answer)) return undefined;
  t.update(tx, row, closedBy(answer, t.now()));
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

export async function keepAnswer(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  answer: ReceivedAnswer,
  later: { waitMs: number } & Trouble,
): Promise<boolean> {
  const row = await t.lockOne(tx, key);
  if (!row || !may('answer', row) || !isAbout(t, tx, row, answer)) return false;
  const [now, code, lastError] = [t.now(), later.code, errorText(later.error)];
  t.update(tx, row, {
    ...stored(answer),
    state: 'answered',
    attempts: 0,
    nextAt: now + later.waitMs,
    leaseToken: undefined,
    giveUpAt: undefined,
    code,
    lastError,
    history: withHappening(row.history, { what: 'follow-up-failed', code, why: lastError }, now),
  });
  return true;
}

export async function closeAnswered(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  leaseToken: string,
): Promise<FollowUp | undefined> {
  const row = await t.lockOne(tx, key);
  if (row?.state !== 'answered' || row.leaseToken !== leaseToken) return undefined;
  const { verdict, reason, result } = row;
  t.update(tx, row, closedBy({ verdict: verdict!, reason, result }, t.now()));
  return t.followUpOf(tx, row);
}

export async function defer(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  attempt: number,
  later: { waitMs: number; payloadHash?: string } & Trouble,
): Promise<boolean> {
  const row = await t.lockOne(tx, key);
  if (!row || !isOneOf(ON_THE_WAY, row.state) || row.attempts !== attempt || !isAbout(t, tx, row, later)) return false;
  const [now, code, lastError] = [t.now(), later.code, errorText(later.error)];
  t.update(tx, row, {
    state: 'pending',
    leaseToken: undefined,
    nextAt: dueAfter(row, now, later.waitMs),
    code,
    lastError,
    history: withHappening(row.history, { what: 'deferred', attempt, code, why: lastError }, now),
  });
  return true;
}

export async function park(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  attempt: number | 'any',
  { code, error, payloadHash }: { code: ParkCode; error: string; payloadHash?: string },
): Promise<boolean> {
  const row = await t.lockOne(tx, key);
  const ofAttempt = attempt === 'any' || row?.attempts === attempt;
  if (!row || !isOneOf(PARKABLE[attempt === 'any' ? 'any' : 'attempt'], row.state) || !ofAttempt) return false;
  if (!isAbout(t, tx, row, { payloadHash })) return false;
  const lastError = errorText(`${code}: ${error}`);
  const parked = { what: 'parked', attempt: row.attempts, code, why: lastError } as const;
  const history = withHappening(row.history, parked, t.now());
  t.update(tx, row, { state: 'parked', leaseToken: undefined, nextAt: undefined, code, lastError, history });
  return true;
}

export async function noteLateVerdict(
  t: OutboxTables,
  tx: MemoryTransaction,
  key: DeliveryKey,
  answer: ReceivedAnswer,
): Promise<void> {
  const row = await t.lockOne(tx, key);
  if (!row || !may('note-late-verdict', row, answer.verdict) || !isAbout(t, tx, row, answer)) return;
  const note = errorText(NOTES.lateVerdict(answer.verdict, answer.reason?.code));
  const code = CODES.lateVerdict;
  const history = withHappening(row.history, { what: 'late-verdict', code, why: note }, t.now());
  const first = row.verdict === undefined && stored(answer);
  t.update(tx, row, { ...first, code, lastError: noteBefore(note, row.lastError), history });
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

function stored({ verdict, reason, result }: StoredAnswer): Partial<DeliveryRow> {
  return { verdict, reason: asJson(reason), result: asJson(result) };
}

function closedBy(answer: StoredAnswer, now: number): Partial<DeliveryRow> {
  return {
    ...stored(answer),
    state: finalStateOf(answer.verdict),
    nextAt: undefined,
    leaseToken: undefined,
    settledAt: now,
  };
}
