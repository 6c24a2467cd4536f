import { createHash, randomUUID } from 'node:crypto';
import type { GetMessage, Options } from 'amqplib';

/** A purchase of somebody else, still on its way; the adversary has read its message. */
export interface Victim {
  readonly messageId: string;
  readonly purchaseId: string;
  readonly genuine: GetMessage;
}

/** What an attack puts where. */
export interface Shot {
  readonly exchange: string;
  readonly key: string;
  readonly body: string;
  readonly properties: Options.Publish;
}

const REQUESTS = ['outbox.requests', 'rig-consumer.purchase.made'] as const;
const CANCELS = ['outbox.requests', 'rig-consumer.cancel'] as const;
const RECEIPTS = ['outbox.receipts', 'rig-producer'] as const;
/** What nobody uses: the producer is asked for nothing, and the consumer gets no answers. Their queues are there all the same. */
const CANCELS_OF_PRODUCER = ['outbox.requests', 'rig-producer.cancel'] as const;
const RECEIPTS_OF_CONSUMER = ['outbox.receipts', 'rig-consumer'] as const;

/** Every attack on one purchase. @param self the service that the adversary's own user stands for */
export const ATTACKS: Readonly<Record<string, (victim: Victim, self: string) => Shot>> = {
  'forges a rejection': (victim) => receipt(victim, RECEIPTS, { verdict: 'rejected', reason: { code: 'FORGED' } }),
  'forges an acceptance': (victim) => receipt(victim, RECEIPTS, { verdict: 'accepted' }),
  'forges that it cannot be processed': (victim) =>
    receipt(victim, RECEIPTS, { verdict: 'unprocessable', reason: { code: 'UNKNOWN_TYPE' } }),
  'forges a rejection, past the exchanges': (victim) =>
    receipt(victim, ['', 'rig-producer.receipts'], { verdict: 'rejected', reason: { code: 'FORGED' } }),
  'sends a rejection among the cancels': (victim) =>
    receipt(victim, CANCELS_OF_PRODUCER, { verdict: 'rejected', reason: { code: 'FORGED' } }),
  'sends a receipt with what no column holds': (victim) =>
    receipt(victim, RECEIPTS, { verdict: 'rejected', reason: { code: 'A\u0000B' } }, { cloudEvents_attempt: 2 ** 40 }),
  'forges a cancel': (victim) => cancel(victim, CANCELS),
  'sends a cancel among the messages': (victim) => cancel(victim, REQUESTS),
  'sends a copy whose deadline has passed': (victim) =>
    copy(victim, REQUESTS, { headers: { cloudEvents_expirytime: '2020-01-01T00:00:00Z' } }),
  'sends a copy with other content': (victim) => copy(victim, REQUESTS, { body: altered(victim, { amount: 1 }) }),
  'sends a copy that somebody else is to be told about': (victim, self) => copy(victim, REQUESTS, { replyTo: self }),
  'takes the id for a message of its own': (victim, self) =>
    copy(victim, REQUESTS, {
      body: altered(victim, { amount: 1 }),
      replyTo: self,
      headers: { cloudEvents_source: self },
    }),
  'orders in its own name and has the producer told': (victim, self) =>
    copy(victim, REQUESTS, { headers: { cloudEvents_source: self } }),
  'cancels in its own name and has the producer told': (victim, self) =>
    copy(victim, CANCELS, { body: '{}', headers: { cloudEvents_type: 'outbox.cancel', cloudEvents_source: self } }),
  'orders in the name of the producer': (victim) => invented(victim, REQUESTS, 'rig-producer'),
  'orders past the exchanges': (victim) => invented(victim, ['', 'rig-consumer.purchase.made'], 'rig-producer'),
  'orders through the queue of cancels': (victim) => invented(victim, CANCELS, 'rig-producer'),
  'orders through the exchange of receipts': (victim) => invented(victim, RECEIPTS_OF_CONSUMER, 'rig-producer'),
};

type Where = readonly [exchange: string, key: string];

interface Changes {
  readonly body?: string;
  readonly replyTo?: string;
  readonly headers?: Record<string, unknown>;
}

/** The genuine message, signature and all, with changes. */
function copy({ genuine }: Victim, [exchange, key]: Where, { body, replyTo, headers }: Changes): Shot {
  const { properties, content } = genuine;
  return {
    exchange,
    key,
    body: body ?? content.toString(),
    properties: {
      ...properties,
      userId: undefined,
      replyTo: replyTo ?? properties.replyTo,
      headers: { ...properties.headers, ...headers },
    },
  };
}

function altered({ genuine }: Victim, changes: object): string {
  return JSON.stringify({ ...(JSON.parse(genuine.content.toString()) as object), ...changes });
}

/** An order for a purchase that there is not: its id is the victim's, with which it is found in the end, backwards. */
function invented(victim: Victim, where: Where, source: string): Shot {
  const body = altered(victim, { purchaseId: inventedFor(victim.purchaseId) });
  return copy(victim, where, { body, headers: { cloudEvents_id: randomUUID(), cloudEvents_source: source } });
}

/** Which purchase an invented order of this attack would be for. */
export function inventedFor(purchaseId: string): string {
  const digits = [...purchaseId.replaceAll('-', '')].reverse().join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function cancel(victim: Victim, where: Where): Shot {
  return copy(victim, where, { body: '{}', headers: { cloudEvents_type: 'outbox.cancel' } });
}

function receipt(
  { messageId, genuine }: Victim,
  [exchange, key]: Where,
  verdict: object,
  more: Record<string, unknown> = {},
): Shot {
  const recordedAt = new Date().toISOString();
  const payloadHash = createHash('sha256').update(`purchase.made\0${genuine.content.toString()}`).digest('hex');
  return {
    exchange,
    key,
    body: JSON.stringify({ consumer: 'rig-consumer', recordedAt, payloadHash, ...verdict }),
    properties: {
      headers: {
        ...genuine.properties.headers, // its signature too
        cloudEvents_id: `${messageId}.1`,
        cloudEvents_type: 'outbox.receipt',
        cloudEvents_source: 'rig-consumer',
        cloudEvents_time: recordedAt,
        cloudEvents_correlationid: messageId,
        ...more,
      },
    },
  };
}
