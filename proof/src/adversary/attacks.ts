import { createHash, randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage, Options } from 'amqplib';
import { bundled } from './bundled';

/** How far a purchase has come when it is attacked. */
export const STAGES = [
  /** Its message was published, and has not arrived. */
  'on its way',
  'completed',
  'refunded',
  /** And so refunded. */
  'cancelled',
  /** The consumer could not process it, which has been mended since: it was retried, and not arrived yet. */
  'retried',
  /** Its cancel was published and not answered; then it was retried with a new deadline, and not arrived yet. */
  'cancel taken back',
  /** Rejected, and the refund failed until it was parked; it is retried now. */
  'refund retried',
] as const;
export type Stage = (typeof STAGES)[number];

/** A purchase of somebody else. The adversary has read all that was said about it. */
export interface Victim {
  readonly messageId: string;
  readonly purchaseId: string;
  readonly genuine: ConsumeMessage;
  readonly genuineReceipt: ConsumeMessage | undefined;
  readonly genuineCancel: ConsumeMessage | undefined;
}

/** What an attack puts where. */
export interface Shot {
  readonly exchange: string;
  readonly key: string;
  readonly body: string;
  readonly properties: Options.Publish;
}

/** What a user of the broker can try, which the broker may refuse. */
export interface Hands {
  publish(shot: Shot): Promise<void>;
  /** A queue of its own, which has heard everything, passes on what it holds about this message (dead-letters it). */
  passOn(heard: Heard, messageId: string): void;
  /** Sends this, and lets a queue of its own pass the answer on, which is for `self`, to the producer. */
  publishAndPassAnswerOn(shot: Shot, messageId: string): Promise<void>;
  /** Does something else over a channel of its own. @returns whether the broker let it */
  attempt(work: (channel: Channel) => Promise<unknown>): Promise<boolean>;
}
export type Heard = 'message' | 'cancel' | 'receipt';

export interface Attack {
  readonly on: Stage;
  /** @param self the service that the adversary's own user stands for */
  run(hands: Hands, victim: Victim, self: string): Promise<unknown>;
}

const REQUESTS = ['outbox.requests', 'rig-consumer.purchase.made'] as const;
const CANCELS = ['outbox.requests', 'rig-consumer.cancel'] as const;
const RECEIPTS = ['outbox.receipts', 'rig-producer'] as const;
const QUARANTINE = ['outbox.quarantine', 'rig-producer'] as const;
const QUARANTINE_OF_CONSUMER = ['outbox.quarantine', 'rig-consumer'] as const;
export const EXCHANGES = ['outbox.requests', 'outbox.receipts', 'outbox.announcements', 'outbox.quarantine'] as const;
/** What nobody uses: the producer is asked for nothing, and the consumer gets no answers. Their queues are there all the same. */
const CANCELS_OF_PRODUCER = ['outbox.requests', 'rig-producer.cancel'] as const;
const RECEIPTS_OF_CONSUMER = ['outbox.receipts', 'rig-consumer'] as const;

/** Every attack on one purchase. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'forges a rejection': shot((victim) =>
    receipt(victim, RECEIPTS, { verdict: 'rejected', reason: { code: 'FORGED' } }),
  ),
  'forges an acceptance': shot((victim) => receipt(victim, RECEIPTS, { verdict: 'accepted' })),
  'forges that it cannot be processed': shot((victim) =>
    receipt(victim, RECEIPTS, { verdict: 'unprocessable', reason: { code: 'UNKNOWN_TYPE' } }),
  ),
  'forges a rejection, past the exchanges': shot((victim) =>
    receipt(victim, ['', 'rig-producer.receipts'], { verdict: 'rejected', reason: { code: 'FORGED' } }),
  ),
  'sends a rejection among the cancels': shot((victim) =>
    receipt(victim, CANCELS_OF_PRODUCER, { verdict: 'rejected', reason: { code: 'FORGED' } }),
  ),
  'sends a receipt with what no column holds': shot((victim) =>
    receipt(victim, RECEIPTS, { verdict: 'rejected', reason: { code: 'A\u0000B' } }, { cloudEvents_attempt: 2 ** 40 }),
  ),
  'forges rejections in a bundle': shot((victim) =>
    bundled(receipt(victim, RECEIPTS, { verdict: 'rejected', reason: { code: 'FORGED' } })),
  ),
  'orders in the name of the producer in a bundle': shot((victim) =>
    bundled(invented(victim, REQUESTS, 'rig-producer')),
  ),
  'forges cancels in a bundle': shot((victim) => bundled(cancel(victim, CANCELS))),
  'forges a cancel': shot((victim) => cancel(victim, CANCELS)),
  'sends a cancel among the messages': shot((victim) => cancel(victim, REQUESTS)),
  'sends a copy whose deadline has passed': shot((victim) =>
    copy(victim, REQUESTS, { headers: { cloudEvents_expirytime: '2020-01-01T00:00:00Z' } }),
  ),
  'sends a copy with other content': shot((victim) => copy(victim, REQUESTS, { body: altered(victim, { amount: 1 }) })),
  'sends a copy that somebody else is to be told about': shot((victim, self) =>
    copy(victim, REQUESTS, { replyTo: self }),
  ),
  'takes the id for a message of its own': shot((victim, self) =>
    copy(victim, REQUESTS, {
      body: altered(victim, { amount: 1 }),
      replyTo: self,
      headers: { cloudEvents_source: self },
    }),
  ),
  'orders in its own name and has the producer told': shot((victim, self) =>
    copy(victim, REQUESTS, { headers: { cloudEvents_source: self } }),
  ),
  'cancels in its own name and has the producer told': shot((victim, self) =>
    copy(victim, CANCELS, { body: '{}', headers: { cloudEvents_type: 'outbox.cancel', cloudEvents_source: self } }),
  ),
  'orders in the name of the producer': shot((victim) => invented(victim, REQUESTS, 'rig-producer')),
  'orders past the exchanges': shot((victim) => invented(victim, ['', 'rig-consumer.purchase.made'], 'rig-producer')),
  'orders through the queue of cancels': shot((victim) => invented(victim, CANCELS, 'rig-producer')),
  'orders through the exchange of receipts': shot((victim) => invented(victim, RECEIPTS_OF_CONSUMER, 'rig-producer')),

  'replays the message of a completed purchase': replay('completed', 'message'),
  'replays the receipt of a completed purchase': replay('completed', 'receipt'),
  'replays the message of a refunded purchase': replay('refunded', 'message'),
  'replays the receipt of a refunded purchase': replay('refunded', 'receipt'),
  'replays the message of a cancelled purchase': replay('cancelled', 'message'),
  'replays the cancel of a cancelled purchase': replay('cancelled', 'cancel'),
  'replays that it cannot be processed, onto a retried row': replay('retried', 'receipt'),
  'replays a cancel that was taken back': replay('cancel taken back', 'cancel'),
  'replays the rejection, onto a row whose refund is retried': replay('refund retried', 'receipt'),
  'passes on the message of a completed purchase': passOn('completed', 'message'),
  'passes on that it cannot be processed, to a retried row': passOn('retried', 'receipt'),
  'passes on a cancel that was taken back': passOn('cancel taken back', 'cancel'),
  'passes on the rejection, to a row whose refund is retried': passOn('refund retried', 'receipt'),
  'cancels in its own name and passes the answer on': {
    on: 'on its way',
    run: (hands, victim, self) =>
      hands.publishAndPassAnswerOn(cancelOf(victim, CANCELS, { source: self, replyTo: self }), victim.messageId),
  },
  'orders in its own name and passes the answer on': {
    on: 'on its way',
    run: (hands, victim, self) =>
      hands.publishAndPassAnswerOn(
        copy(victim, REQUESTS, { replyTo: self, headers: { cloudEvents_source: self } }),
        victim.messageId,
      ),
  },

  'puts a forged rejection into the quarantine': shot((victim) =>
    putAside(receipt(victim, QUARANTINE, { verdict: 'rejected', reason: { code: 'FORGED' } }), RECEIPTS, victim),
  ),
  'puts a forged order into the quarantine': shot((victim) =>
    putAside(invented(victim, QUARANTINE_OF_CONSUMER, 'rig-producer'), REQUESTS, victim),
  ),
  'puts a forged rejection into the quarantine, past the exchanges': shot((victim) =>
    putAside(
      receipt(victim, ['', 'rig-producer.quarantine'], { verdict: 'rejected', reason: { code: 'FORGED' } }),
      RECEIPTS,
      victim,
    ),
  ),
  'sends a rejection into the quarantine, with further keys': shot((victim) =>
    receipt(
      victim,
      QUARANTINE,
      { verdict: 'rejected', reason: { code: 'FORGED' } },
      { CC: ['rig-producer.receipts', 'rig-consumer'], BCC: ['rig-producer.receipts'] },
    ),
  ),

  'deletes the queue of messages': tries((channel) => channel.deleteQueue('rig-consumer.purchase.made')),
  'empties the queue of receipts': tries((channel) => channel.purgeQueue('rig-producer.receipts')),
  'takes messages out of their queue': tries((channel) => channel.get('rig-consumer.purchase.made', { noAck: true })),
  'unbinds the queue of receipts': tries((channel) =>
    channel.unbindQueue('rig-producer.receipts', 'outbox.receipts', 'rig-producer'),
  ),
  'lets the queue of messages take receipts': tries((channel) =>
    channel.bindQueue('rig-consumer.purchase.made', 'outbox.receipts', 'rig-producer'),
  ),
  'declares the queue of cancels so that it forgets': tries((channel) =>
    channel.assertQueue('rig-consumer.cancel', { arguments: { 'x-message-ttl': 0 } }),
  ),
  'binds the quarantine to the receipts, and forges one': {
    on: 'on its way',
    run: async (hands, victim) => {
      await hands.attempt((channel) => channel.bindExchange('outbox.receipts', 'outbox.quarantine', 'rig-producer'));
      await hands.publish(receipt(victim, RECEIPTS, { verdict: 'deferred', reason: { code: 'A\u0000B' } }));
    },
  },
};

/** What changes the broker for everybody, and is then to be lived with by a purchase that comes after it. */
export const UPHEAVALS: Readonly<Record<string, (hands: Hands, self: string) => Promise<void>>> = {
  'deletes the exchanges': async (hands) => {
    for (const name of EXCHANGES) await hands.attempt((channel) => channel.deleteExchange(name));
  },
  'deletes the exchanges, and listens where they are bound again': async (hands, self) => {
    for (const name of EXCHANGES) {
      const deleted = await hands.attempt((channel) => channel.deleteExchange(name));
      if (deleted) await hands.attempt((channel) => listenInstead(channel, name, self));
    }
  },
  'puts others in the place of the exchanges': async (hands) => {
    for (const name of EXCHANGES) {
      const deleted = await hands.attempt((channel) => channel.deleteExchange(name));
      if (deleted) await hands.attempt((channel) => channel.assertExchange(name, 'fanout'));
    }
  },
};

function shot(make: (victim: Victim, self: string) => Shot): Attack {
  return { on: 'on its way', run: (hands, victim, self) => hands.publish(make(victim, self)) };
}

/** As it is, under whichever name the broker lets it. */
function replay(on: Stage, heard: Heard): Attack {
  return { on, run: (hands, victim) => hands.publish(asItWas(victim, heard)) };
}

/** With the name of who sent it, which it keeps. */
function passOn(on: Stage, heard: Heard): Attack {
  return { on, run: async (hands, { messageId }) => hands.passOn(heard, messageId) };
}

function tries(work: (channel: Channel) => Promise<unknown>): Attack {
  return { on: 'on its way', run: (hands) => hands.attempt(work) };
}

/** So that what is published there is routed, to nobody who wants it, until its queues are bound again. */
async function listenInstead(channel: Channel, exchange: string, self: string): Promise<void> {
  await channel.assertExchange(exchange, exchange === 'outbox.announcements' ? 'topic' : 'direct');
  const { queue } = await channel.assertQueue(`${self}.instead`, { durable: true });
  for (const [, key] of [REQUESTS, CANCELS, RECEIPTS]) await channel.bindQueue(queue, exchange, key);
}

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

function cancelOf(victim: Victim, where: Where, { source, replyTo }: { source: string; replyTo: string }): Shot {
  const headers = { cloudEvents_type: 'outbox.cancel', cloudEvents_source: source };
  return copy(victim, where, { body: '{}', replyTo, headers });
}

function asItWas(victim: Victim, heard: Heard): Shot {
  const said = { message: victim.genuine, cancel: victim.genuineCancel, receipt: victim.genuineReceipt }[heard]!;
  const [exchange, key] = { message: REQUESTS, cancel: CANCELS, receipt: RECEIPTS }[heard];
  return { exchange, key, body: said.content.toString(), properties: said.properties as Options.Publish };
}

/** As if its service had put it aside, and it had come from `where`. */
function putAside(shot: Shot, [exchange, key]: Where, victim: Victim): Shot {
  const origin = { outbox_exchange: exchange, outbox_routing_key: key, outbox_user: 'rig-producer' };
  const headers = { ...shot.properties.headers, ...origin, outbox_problem: forgedProblem(victim) };
  return { ...shot, properties: { ...shot.properties, headers } };
}

/** Why a copy is in a quarantine that an attack on this purchase has put there. */
export function forgedProblem({ purchaseId }: Pick<Victim, 'purchaseId'>): string {
  return `forged for ${purchaseId}`;
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
