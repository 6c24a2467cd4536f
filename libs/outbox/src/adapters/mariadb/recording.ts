import { createHash } from 'node:crypto';
import { CODES } from '../../message/rules';
import { orderKeyOf, startOf } from '../../message/start';
import type { AddedMessage, NewMessage } from '../../ports/store';
import { columnOf, isoOf, msOf } from './instants';
import type { Ask } from './question';
import type { StoredDelivery } from './rows';
import { insertDeliveries } from './sql/delivery';
import { clock, deleteMessages, insertMessages } from './sql/message';
import { draw, drawn } from './sql/turn';
import type { MariaDbTables } from './tables';

/**
 * Messages are recorded, in the caller's transaction: first the turns of those that are to be in order, then the time, then the rows.
 * All of them or none, also if the error is caught and the transaction goes on.
 * @param alive how to ask in the transaction, after the server has said that it is still there
 */
export async function record(
  t: MariaDbTables,
  alive: () => Promise<Ask>,
  messages: readonly NewMessage[],
): Promise<AddedMessage[]> {
  const ask = await alive();
  const turns = await takeTurns(t, ask, messages);
  const { now } = (await ask(clock())).rows[0]!;
  await ask(insertMessages(t, messages, now!));
  const deliveries = messages.flatMap((message) => starting(message, msOf(now!), turns));
  try {
    await ask(insertDeliveries(t, deliveries));
  } catch (error) {
    // It may have undone itself only. A transaction that is over has taken the messages with it.
    await alive().then(
      (again) => again(deleteMessages(t, messages)),
      () => {},
    );
    throw error;
  }
  return messages.map(({ id, deadlineMs }) => ({
    id,
    recordedAt: isoOf(now!),
    deadlineAt: deadlineMs === undefined ? undefined : isoOf(columnOf(msOf(now!) + deadlineMs)),
  }));
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
