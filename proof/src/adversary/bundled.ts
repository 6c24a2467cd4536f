import type { Shot } from './attacks';

/** The same in a bundle, twice, as somebody would write it who has read how. */
export function bundled({ exchange, key, body, properties }: Shot): Shot {
  const {
    cloudEvents_type: type,
    cloudEvents_source: source,
    cloudEvents_id: id,
    cloudEvents_time: time,
    cloudEvents_attempt: attempt,
    cloudEvents_correlationid: correlation = 0,
    cloudEvents_subject: subject = 0,
    cloudEvents_expirytime: expiry = 0,
    ...more
  } = properties.headers as Record<string, unknown>;
  const row = [Buffer.byteLength(body), id, time, attempt, correlation, subject, expiry, more];
  const head = JSON.stringify([type, source, properties.replyTo ?? 0, [row, row]]);
  return {
    exchange,
    key,
    body: `${head}\n${body}${body}`,
    properties: { type: 'outbox.bundle', userId: properties.userId, headers: {} },
  };
}
