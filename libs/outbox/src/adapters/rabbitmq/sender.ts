import type { CancelEnvelope, ReceiptEnvelope } from '../../message/envelope';

/**
 * Is this from whom it claims to be? `user_id` is the broker's word: it lets a client in under the name it logged in
 * with, and under no other.
 * @param users the users of services that are not named like them; undefined: nobody asked for this check
 * @returns what is wrong
 */
export function senderProblem(
  envelope: ReceiptEnvelope | CancelEnvelope,
  userId: unknown,
  users: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (users === undefined) return undefined;
  const service = envelope.kind === 'receipt' ? envelope.receipt.consumer : envelope.source;
  const expected = Object.hasOwn(users, service) ? users[service] : service;
  if (userId === expected) return undefined;
  if (typeof userId !== 'string') return `it says it is from ${service}, and the broker vouches for nobody`;
  return `it says it is from ${service}, and the broker let in '${userId}' with it`;
}
