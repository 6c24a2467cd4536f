import type { MessageProperties } from 'amqplib';
import type { Envelope } from '../../message/envelope';

/** The broker writes it into what one queue has passed on to others. */
export const PASSED_ON_HEADER = 'x-death';

/**
 * Is this from whom it claims to be? `user_id` is the broker's word: it lets a client in under the name it logged in
 * with, and under no other. And it must ask for nobody else's answer: a verdict that another service gets without having
 * asked for it would be genuine. What a queue has passed on (dead-lettered) keeps its user, but whoever owns that queue has
 * chosen when it comes and to whom: a genuine receipt for one service would be one for another.
 * @param users the users of services that are not named like them; undefined: nobody asked for this check
 * @returns what is wrong
 */
export function senderProblem(
  envelope: Envelope,
  { userId, headers }: Pick<MessageProperties, 'userId' | 'headers'>,
  users: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (users === undefined) return undefined;
  const service = senderOf(envelope);
  const expected = Object.hasOwn(users, service) ? users[service] : service;
  if (typeof userId !== 'string') return `it says it is from ${service}, and the broker vouches for nobody`;
  if (userId !== expected) return `it says it is from ${service}, and the broker let in '${userId}' with it`;
  if (headers?.[PASSED_ON_HEADER] !== undefined)
    return `it is from ${service}, and another queue has passed it on: the broker does not vouch for its way`;
  const replyTo = envelope.kind === 'receipt' ? undefined : envelope.replyTo;
  if (replyTo !== undefined && replyTo !== service)
    return `it is from ${service}, and its receipt is to go to ${replyTo}`;
  return undefined;
}

function senderOf(envelope: Envelope): string {
  switch (envelope.kind) {
    case 'message':
      return envelope.message.source;
    case 'cancel':
      return envelope.source;
    case 'receipt':
      return envelope.receipt.consumer;
    default:
      return envelope satisfies never;
  }
}
