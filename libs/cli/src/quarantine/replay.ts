import type { ConfirmChannel, GetMessage } from 'amqplib';
import type { ReadOnlyDatabase } from '../database';
import { publishTo } from '../held/queue';
import type { Quarantined } from './quarantined';

/** Written by whoever put the copy aside, or by the broker: not the message's own. */
const NOT_ITS_OWN = /^(outbox_(problem|exchange|routing_key|user)|x-.*)$/;

/** Why a copy must not go back where it says it came from; undefined if it may. */
export function originProblem({ exchange, routingKey }: Quarantined, prefix: string): string | undefined {
  if (exchange === undefined || routingKey === undefined) return 'it does not say where it came from';
  const origins = ['requests', 'announcements', 'receipts'].map((name) => `${prefix}.${name}`);
  return origins.includes(exchange) ? undefined : `it says it came from "${exchange}", and nothing of ours does`;
}

/**
 * Is this what its source has recorded? Anybody who may write to the exchange of quarantines can put a copy there, so its
 * word alone is not to be believed.
 */
export async function sourceProblem(
  { id, type, message }: Quarantined,
  { ask, questions }: ReadOnlyDatabase,
): Promise<string | undefined> {
  const [row] = await ask(questions.recorded(id ?? ''));
  if (!row) return 'its source has recorded no such message';
  if (row.type !== type) return `its source has recorded it as ${row.type}`;
  return row.payload === message.content.toString('utf8') ? undefined : 'its source has recorded another payload';
}

/** Publishes the copy where it came from. @throws Error if nobody took it: then it is still in the quarantine */
export async function putBack(channel: ConfirmChannel, { exchange, routingKey, message }: Quarantined): Promise<void> {
  const { content, properties } = message;
  const { contentType, contentEncoding, messageId, type, appId, correlationId, replyTo, timestamp } = properties;
  await publishTo(channel, exchange!, routingKey!, content, {
    ...{ contentType, contentEncoding, messageId, type, appId, correlationId, replyTo, timestamp },
    headers: ownHeaders(message),
  });
}

function ownHeaders({ properties }: GetMessage): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties.headers ?? {}).filter(([name]) => !NOT_ITS_OWN.test(name)));
}
