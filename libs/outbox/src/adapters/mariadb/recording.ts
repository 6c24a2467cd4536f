import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { CODES } from '../../message/rules';
import { orderKeyOf, startOf } from '../../message/start';
import type { AddedMessage, NewMessage } from '../../ports/store';
import { columnOf, isoOf, msOf } from './instants';
import { type Database, ended } from './database';
import { type Ask, prepared } from './question';
import type { StoredDelivery } from './rows';
import { insertDeliveries } from './sql/delivery';
import { clock, deleteMessages, insertMessageIfOpen, insertMessages } from './sql/message';
import { draw, drawn } from './sql/turn';
import type { MariaDbTables } from './tables';

/** The rows of the messages are there. */
interface Begun {
  readonly ask: Ask;
  /** When they were recorded. */
  readonly now: string;
  /** The next number of each key. */
  readonly turns: Map<string, number>;
  /** Its statements are few, and worth to be prepared. */
  readonly alone?: boolean;
}

/**
 * Messages are recorded, in the caller's transaction: the messages, then their deliveries.
 * All of them or none, also if the error is caught and the transaction goes on.
 * @throws TransactionEndedError
 */
export async function record(
  t: MariaDbTables,
  database: Database,
  tx: EntityManager,
  messages: readonly NewMessage[],
): Promise<AddedMessage[]> {
  const { ask, now, turns, alone } =
    (await beginAlone(t, database, tx, messages)) ?? (await begin(t, database, tx, messages));
  const insert = insertDeliveries(
    t,
    messages.flatMap((message) => starting(message, msOf(now), turns)),
  );
  try {
    await ask(alone ? prepared(insert) : insert);
  } catch (error) {
    // It may have undone itself only. A transaction that is over has taken the messages with it.
    await database.insideAlive(tx).then(
      (again) => again(deleteMessages(t, messages)),
      () => {},
    );
    throw error;
  }
  return messages.map(({ id, deadlineMs }) => ({
    id,
    recordedAt: isoOf(now),
    deadlineAt: deadlineMs === undefined ? undefined : isoOf(columnOf(msOf(now) + deadlineMs)),
  }));
}

/** One that is in no order: by one statement, which inserts nothing if no transaction is open. Undefined where that cannot be. */
async function beginAlone(
  t: MariaDbTables,
  database: Database,
  tx: EntityManager,
  [message, another]: readonly NewMessage[],
): Promise<Begun | undefined> {
  const ask = message && !another && !message.ordered ? await database.insideGuarding(tx) : undefined;
  if (!ask) return undefined;
  const [inserted] = (await ask(prepared(insertMessageIfOpen(t, message!)))).rows;
  if (!inserted) throw ended();
  return { ask, now: inserted.now!, turns: new Map(), alone: true };
}

/** After the server has said that the transaction is there: first the turns of those that are to be in order, then the time, then the rows. */
async function begin(
  t: MariaDbTables,
  database: Database,
  tx: EntityManager,
  messages: readonly NewMessage[],
): Promise<Begun> {
  const ask = await database.insideAlive(tx);
  const turns = await takeTurns(t, ask, messages);
  const now = (await ask(clock())).rows[0]!.now!;
  await ask(insertMessages(t, messages, now));
  return { ask, now, turns };
}

/** Its deliveries, as they start. */
function starting(message: NewMessage, now: number, turns: Map<string, number>): StoredDelivery[] {
  const { attempts, leaseToken, waitMs, deadlineMs, giveUpMs } = startOf(message);
  return message.deliveries.map(({ consumer, followUp }) => {
    const orderKey = message.ordered ? lineOf(message, consumer) : undefined;
    const orderNo = orderKey === undefined ? undefined : turns.get(orderKey)!;
    if (orderKey !== undefined) turns.set(orderKey, orderNo! + 1);
    return {
      ...{ messageId: message.id.toLowerCase(), consumer, source: message.source, followUp, orderKey, orderNo },
      ...{ state: 'pending', attempts, leaseToken },
      nextAt: now + waitMs,
      deadlineAt: deadlineMs === undefined ? undefined : now + deadlineMs,
      giveUpAt: giveUpMs === undefined ? undefined : now + giveUpMs,
      code: message.waitsItsTurn ? CODES.waitsItsTurn : undefined,
      ...{ verdict: undefined, reason: undefined, result: undefined, lastError: undefined },
      ...{ cancelReason: undefined, sentAt: undefined, settledAt: undefined, history: [] },
    };
  });
}

/** Waits until it is their turn. @returns the next number of each key */
async function takeTurns(t: MariaDbTables, ask: Ask, messages: readonly NewMessage[]): Promise<Map<string, number>> {
  const wanted = new Map<string, { orderKey: string; source: string; count: number }>();
  for (const message of messages.filter(({ ordered }) => ordered)) {
    for (const { consumer } of message.deliveries) {
      const orderKey = lineOf(message, consumer);
      const count = (wanted.get(orderKey)?.count ?? 0) + 1;
      wanted.set(orderKey, { orderKey, source: message.source, count });
    }
  }
  if (wanted.size === 0) return new Map();
  await ask(draw(t, [...wanted.values()]));
  const { rows } = await ask(drawn(t, [...wanted.keys()]));
  return new Map(rows.map((row) => [row.order_key!, Number(row.last_no) - wanted.get(row.order_key!)!.count + 1]));
}

/** Who is in order with each other, as a text of a length that fits into an index whatever they are called. */
function lineOf(message: NewMessage, consumer: string): string {
  return createHash('sha256')
    .update([consumer, orderKeyOf(message)].join('\0'))
    .digest('hex');
}
