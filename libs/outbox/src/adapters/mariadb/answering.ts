import type { FollowUp } from '../../message/contract';
import { type ClaimedDelivery, type DeliveryKey, expects, type ReceivedAnswer } from '../../message/delivery';
import { keyText } from '../../message/envelope';
import { type Change, closed, closedAnswered } from '../../message/transitions';
import type { AnsweredDelivery, ClosedDelivery, ClosedRow, TurnLease } from '../../ports/store';
import type { Row } from '../rows';
import type { Ask } from './question';
import { deliveryOf, expectation, factsOf, keyIn, messageOf, type ReadDelivery } from './rows';
import { takeNext } from './sending';
import { lockKeys, writeDeliveries } from './sql/delivery';
import { readMessages } from './sql/message';
import type { MariaDbTables } from './tables';

/** A receipt came back. Each in one transaction, its own or the caller's. */

export async function closeMany(
  t: MariaDbTables,
  ask: Ask,
  answers: readonly AnsweredDelivery[],
  lease: TurnLease | undefined,
): Promise<ClosedRow[]> {
  const wanted = new Map(answers.map((each) => [keyText(each), each.answer]));
  if (wanted.size < answers.length) throw new Error('closeMany was given a delivery twice');
  const locked = (await ask(lockKeys(t, answers, 'skip'))).rows.map(deliveryOf);
  if (locked.length === 0) return [];
  const ids = locked.map(({ messageId }) => messageId);
  const messages = new Map((await ask(readMessages(t, ids, 'facts'))).rows.map((row) => [row.id!, factsOf(row)]));
  const ends = locked.flatMap((row) => {
    const answer = wanted.get(keyText(row))!;
    const message = messages.get(row.messageId);
    if (!message) return [];
    const change = closed(row, answer, row.now);
    const alone = expects(expectation(row, message), answer.verdict);
    return change && !alone && isAbout(answer, message) ? [{ row: { ...row, ...change }, message }] : [];
  });
  if (ends.length === 0) return [];
  const rows = ends.map(({ row }) => row);
  await ask(writeDeliveries(t, rows));
  const next = lease ? await takeNext(t, ask, rows, lease) : new Map<string, ClaimedDelivery>();
  return ends.map(({ row, message: { type, createdAt } }) => {
    const { orderKey, orderNo, now } = row;
    const first = orderKey === undefined ? undefined : next.get(orderKey);
    if (first) next.delete(orderKey!); // of several of one key the first brings it
    return {
      ...keyIn(row),
      type,
      ordered: orderNo !== undefined,
      ageMs: now - createdAt,
      ...(first && { next: first }),
    };
  });
}

export async function close(
  t: MariaDbTables,
  ask: Ask,
  key: DeliveryKey,
  answer: ReceivedAnswer,
): Promise<ClosedDelivery | undefined> {
  const row = await locked(t, ask, key);
  const change = row && closed(row, answer, row.now);
  if (!change) return undefined;
  const message = await messageRow(t, ask, row);
  const facts = factsOf(message);
  if (!isAbout(answer, facts)) return undefined;
  await ask(writeDeliveries(t, [{ ...row, ...change }]));
  return {
    ...keyIn(row),
    followUp: expectation(row, facts),
    attempt: row.attempts,
    ordered: row.orderNo !== undefined,
    ageMs: row.now - facts.createdAt,
    message: messageOf(message),
  };
}

export async function closeAnswered(
  t: MariaDbTables,
  ask: Ask,
  key: DeliveryKey,
  leaseToken: string,
): Promise<FollowUp | undefined> {
  const row = await locked(t, ask, key);
  const change = row && closedAnswered(row, leaseToken, row.now);
  if (!change) return undefined;
  await ask(writeDeliveries(t, [{ ...row, ...change }]));
  return expectation(row, factsOf(await messageRow(t, ask, row)));
}

/** One row, by what was said about this content. @returns whether it was written */
export async function changeOne(
  t: MariaDbTables,
  ask: Ask,
  key: DeliveryKey,
  about: { readonly payloadHash?: string | undefined },
  change: (row: ReadDelivery) => Change,
): Promise<boolean> {
  const row = await locked(t, ask, key);
  const changed = row && change(row);
  if (!changed) return false;
  if (about.payloadHash !== undefined && !isAbout(about, factsOf(await messageRow(t, ask, row)))) return false;
  await ask(writeDeliveries(t, [{ ...row, ...changed }]));
  return true;
}

/** Waits for whoever holds it. */
async function locked(t: MariaDbTables, ask: Ask, key: DeliveryKey): Promise<ReadDelivery | undefined> {
  const [row] = (await ask(lockKeys(t, [key], 'wait'))).rows;
  return row && deliveryOf(row);
}

async function messageRow(t: MariaDbTables, ask: Ask, { messageId }: DeliveryKey): Promise<Row> {
  return (await ask(readMessages(t, [messageId], 'content'))).rows[0]!;
}

/** Is the answer to what was recorded? */
function isAbout(
  { payloadHash }: { readonly payloadHash?: string | undefined },
  { contentHash }: { readonly contentHash: string },
): boolean {
  return payloadHash === undefined || payloadHash === contentHash;
}
