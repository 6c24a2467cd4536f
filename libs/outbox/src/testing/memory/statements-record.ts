import { MessageAlreadyRecordedError } from '../../errors';
import { CODES } from '../../message/rules';
import { orderKeyOf, startOf } from '../../message/start';
import type { AddedMessage, NewMessage, RegisteredFollowUp } from '../../ports/store';
import { followUpKeyOf, iso, keyOf, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** A message's life begins: the statements in the recording transaction. */

export async function add(
  t: OutboxTables,
  tx: MemoryTransaction,
  messages: readonly NewMessage[],
): Promise<AddedMessage[]> {
  const added: AddedMessage[] = [];
  for (const message of messages) {
    const { id, type, source, key, payload, headers } = message;
    const consumers = message.deliveries.map(({ consumer }) => consumer);
    const row = () => ({ id, type, source, key, payload, headers: { ...headers }, consumers, createdAt: t.now() });
    if (!(await t.message.insert(tx, id, row))) {
      throw new MessageAlreadyRecordedError(
        `A message with id ${id} is recorded already. Roll back: recognise a repeated request in your business table.`,
      );
    }
    const { createdAt } = t.message.get(tx, id)!;
    const deadlineAt = message.deadlineMs === undefined ? undefined : createdAt + message.deadlineMs;
    await addDeliveries(t, tx, message, createdAt, deadlineAt);
    added.push({ id, recordedAt: iso(createdAt), deadlineAt: deadlineAt === undefined ? undefined : iso(deadlineAt) });
  }
  return added;
}

async function addDeliveries(
  t: OutboxTables,
  tx: MemoryTransaction,
  message: NewMessage,
  createdAt: number,
  deadlineAt: number | undefined,
): Promise<void> {
  const { attempts, leaseToken, waitMs, giveUpMs } = startOf(message);
  for (const { consumer, followUp } of message.deliveries) {
    const delivery = { messageId: message.id, consumer };
    const orderKey = message.ordered ? orderKeyOf(message) : undefined;
    const orderNo = orderKey === undefined ? undefined : await t.nextOrderNo(tx, { consumer, orderKey });
    await t.delivery.insert(tx, keyOf(delivery), () => ({
      ...delivery,
      state: 'pending',
      attempts,
      nextAt: createdAt + waitMs,
      leaseToken,
      followUp,
      deadlineAt,
      giveUpAt: giveUpMs === undefined ? undefined : createdAt + giveUpMs,
      verdict: undefined,
      reason: undefined,
      result: undefined,
      code: message.waitsItsTurn ? CODES.waitsItsTurn : undefined,
      lastError: undefined,
      cancelReason: undefined,
      sentAt: undefined,
      settledAt: undefined,
      orderKey,
      orderNo,
      history: [],
    }));
  }
}

export async function registerFollowUps(
  t: OutboxTables,
  tx: MemoryTransaction,
  source: string,
  followUps: readonly RegisteredFollowUp[],
): Promise<void> {
  for (const { type, verdict, where } of followUps)
    await t.followUp.insert(tx, followUpKeyOf(source, { type, verdict }), () => ({ type, verdict, where }));
}

export function stillRecorded(
  t: OutboxTables,
  tx: MemoryTransaction,
  leaseToken: string,
  messageIds: readonly string[],
): string[] {
  const leased = ({ messageId, consumer }: { messageId: string; consumer: string }): boolean =>
    t.delivery.get(tx, keyOf({ messageId, consumer }))?.leaseToken === leaseToken;
  return messageIds.filter((messageId) =>
    t.message.get(tx, messageId)?.consumers.some((consumer) => leased({ messageId, consumer })),
  );
}
