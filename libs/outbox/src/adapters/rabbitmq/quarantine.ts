import type { ConsumeMessage, Options } from 'amqplib';
import { clip, MAX_ERROR_TEXT } from '../../message/receipt';
import { PASSED_ON_HEADER } from './sender';
import type { Binding, Queue } from './topology';
import { type Outgoing, publishProblem, ROUTING_HEADERS } from './wire';

/**
 * A copy of a delivery for a person: the same body, byte for byte, and where it came from, so that it can be put back.
 * Properties that would make the broker refuse, drop or spread the copy (`user_id`, `expiration`, `CC`) are left out.
 * Whoever may write to the exchange of quarantines can make such a copy, origin included: with a user the broker vouches,
 * by `user_id`, for the service that put it aside.
 * @param user of this service at the broker
 */
export function quarantineCopy(
  message: ConsumeMessage,
  { exchange, key }: Binding,
  problem: string,
  user?: string,
): Outgoing {
  const { fields, properties, content } = message;
  const origin = {
    outbox_problem: clip(problem, MAX_ERROR_TEXT),
    outbox_exchange: fields.exchange,
    outbox_routing_key: fields.routingKey,
    ...(typeof properties.userId === 'string' && { outbox_user: properties.userId }),
  };
  const copy = (more: Options.Publish): Outgoing => ({
    exchange,
    routingKey: key,
    body: content,
    properties: {
      ...more,
      ...(user !== undefined && { userId: user }),
      persistent: true,
      headers: { ...more.headers, ...origin },
    },
  });
  const { contentType, contentEncoding, messageId, type, appId, correlationId, replyTo, timestamp } = properties;
  const whole = copy({
    ...{ contentType, contentEncoding, messageId, type, appId, correlationId, replyTo, timestamp },
    headers: plainHeaders(properties.headers),
  });
  // whoever sent this may have sent anything; the body and its origin are what matters
  return publishProblem(whole) === undefined ? whole : copy({});
}

/**
 * Somebody has bound the quarantine to what is read here: the copy is in it already, and another would come back too, for ever.
 * The header is anybody's word: whoever makes it up keeps only what he sent himself from being put aside.
 */
export function isCopyOf({ fields, properties }: ConsumeMessage, { name, binding }: Queue): boolean {
  if (fields.exchange === binding.exchange) return true;
  const ways: unknown = properties.headers?.[PASSED_ON_HEADER];
  return Array.isArray(ways) && ways.some((way: PassedOn) => way?.exchange === binding.exchange && way.queue !== name);
}

type PassedOn = { readonly exchange?: unknown; readonly queue?: unknown } | null | undefined;

function plainHeaders(headers: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => ['string', 'number'].includes(typeof value) && !ROUTING_HEADERS.includes(name),
    ),
  );
}
