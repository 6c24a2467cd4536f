import { createHash } from 'node:crypto';
import { type Codec, SeededRandom, signedCodec } from '@tallystick/outbox/testing';
import { bundled, membersIn } from './bundles';
import { hostileBody, hostileValue } from './values';

export const SIGNING = { sign: 'k', keys: { k: 'a secret of the services, of thirty-two bytes' } };
export const CODEC = signedCodec(SIGNING);
/** The right key's id, another secret. */
export const FOREIGN = signedCodec({ sign: 'k', keys: { k: 'a secret of somebody else, of thirty-two bytes' } });

type Envelope = Parameters<Codec['encode']>[0];
type Wire = Parameters<Codec['decode']>[0];
type Expected = Parameters<Codec['decode']>[2];

/** A way into a service: what a queue is for, or a call. */
export interface Way {
  /** Of the broker; of the direct transport there is one way only. */
  readonly queue?: string;
  readonly service: string;
  readonly expected: Expected;
}

/** A purchase of somebody else. What its message says, whoever may read the exchange can know. */
export interface Known {
  readonly messageId: string;
  readonly purchaseId: string;
  readonly accountId: string;
  readonly amount: number;
}

/** What travels: properties and headers with anything in them, and bytes. */
export interface Hostile {
  readonly way: Way;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** The message that it is about; one that nobody recorded, unless it is `known`. */
  readonly messageId: string;
  readonly aboutKnown: boolean;
}

const KINDS = ['message', 'cancel', 'receipt', 'announcement'] as const;
type Kind = (typeof KINDS)[number];
const FIELDS = ['messageId', 'type', 'appId', 'correlationId', 'replyTo', 'timestamp'] as const;

/**
 * Makes hostile envelopes from good ones. Two kinds of adversary: one has read other people's messages and changes or signs
 * them with a key of its own; the other has the key, and signs nonsense. So both the signature and what is read behind
 * it are met.
 */
export class HostileEnvelopes {
  private readonly random: SeededRandom;

  constructor(
    seed: number,
    private readonly ways: readonly Way[],
    /** Some purchase that is on its way or was. */
    private readonly known: (random: SeededRandom) => Known,
    /** Who gives the receipts, as they say. */
    private readonly consumer = 'rig-consumer',
  ) {
    this.random = new SeededRandom(seed);
  }

  /** @throws Error if what was made cannot be encoded */
  next(): Hostile {
    const { random } = this;
    const way = random.pick(this.ways);
    const kind = random.chance(0.75) ? kindFor(way, random) : random.pick(KINDS);
    const aboutKnown = random.chance(0.4);
    const about = aboutKnown ? this.known(random) : stranger(random);
    const envelope = good(kind, about, way.service, this.consumer);
    const hasKey = !aboutKnown && random.chance(0.6);
    if (hasKey) spoil(envelope, random);
    const to = random.chance(0.1) ? 'mail-service' : kind === 'announcement' && way.queue ? undefined : way.service;
    const codec = !hasKey && random.chance(0.3) ? FOREIGN : CODEC;
    const { headers, body, ...fields } = codec.encode(envelope, to);
    const wire = { fields: { ...fields }, headers: { ...headers }, body: Buffer.from(body) };
    if (!hasKey || random.chance(0.1)) for (let times = 1 + random.below(3); times > 0; times--) alter(wire, random);
    const hostile = { way, ...wire, messageId: about.messageId, aboutKnown };
    return way.queue && random.chance(0.2) ? bundled(hostile, random) : hostile;
  }
}

/** As its reader sees it: the library's own decoder is asked, so that what is good after all is not taken for hostile. */
export function isRefused(hostile: Hostile): boolean {
  const members = membersIn(hostile);
  return members === undefined || members.every(isRefusedAlone);
}

function isRefusedAlone({ way, fields, headers, body }: Hostile): boolean {
  if (!Buffer.from(body.toString('utf8')).equals(body)) return true;
  const wire = { ...fields, headers, body: body.toString('utf8') } as Wire;
  return CODEC.decode(wire, way.service, way.expected).kind === 'malformed';
}

/** The id under which a message of this envelope would be stored. */
export function storedId(hostile: Hostile): string {
  const [{ headers }] = membersIn(hostile) as [Hostile];
  return String(headers.cloudEvents_id).toLowerCase();
}

function kindFor({ expected }: Way, random: SeededRandom): Kind {
  if (expected.kind === 'request') return 'message';
  return expected.kind === 'call'
    ? random.pick(['message', 'message', 'cancel', 'announcement'] as const)
    : expected.kind;
}

function stranger(random: SeededRandom): Known {
  return { messageId: random.token(), purchaseId: random.token(), accountId: random.token(), amount: 1 };
}

function good(kind: Kind, about: Known, service: string, consumer: string): Envelope {
  const { messageId, purchaseId, accountId, amount } = about;
  const recordedAt = new Date().toISOString();
  const payload = JSON.stringify({ purchaseId, accountId, amount, script: {} });
  const type = kind === 'announcement' ? 'purchase.announced' : 'purchase.made';
  switch (kind) {
    case 'message':
    case 'announcement':
      return {
        kind: 'message',
        message: { id: messageId, type, source: 'rig-producer', key: accountId, payload, headers: {}, recordedAt },
        attempt: 1,
        deadlineAt: undefined,
        replyTo: kind === 'message' ? 'rig-producer' : undefined,
      };
    case 'cancel':
      return {
        ...{ kind, messageId, source: 'rig-producer', recordedAt, attempt: 1, replyTo: 'rig-producer' },
        reason: { code: 'CANCELLED' },
      };
    case 'receipt': {
      const payloadHash = createHash('sha256').update(`${type}\0${payload}`).digest('hex');
      const answer = { messageId, consumer, attempt: 1, recordedAt, payloadHash };
      return { kind, to: service, receipt: { ...answer, verdict: 'rejected', reason: { code: 'FORGED' } } };
    }
    default:
      return kind satisfies never;
  }
}

/** Before it is signed. */
function spoil(envelope: Envelope, random: SeededRandom): void {
  const part = partOf(envelope, random) as Record<string, unknown>;
  const field = random.pick(Object.keys(part));
  if (field === 'payload') part.payload = hostileBody(random, String(part.payload)).toString('utf8');
  else if (field === 'headers') part.headers = { [String(hostileValue(random))]: hostileValue(random) };
  else part[field] = hostileValue(random);
}

function partOf(envelope: Envelope, random: SeededRandom): object {
  if (envelope.kind === 'receipt') return envelope.receipt;
  return envelope.kind === 'message' && random.chance(0.8) ? envelope.message : envelope;
}

interface Draft {
  fields: Record<string, unknown>;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** After it was signed. */
function alter(wire: Draft, random: SeededRandom): void {
  switch (random.below(6)) {
    case 0:
      wire.fields[random.pick(FIELDS)] = hostileValue(random);
      return;
    case 1:
      wire.body = hostileBody(random, wire.body.toString('utf8') || '{}');
      return;
    case 2: {
      const name = random.pick([
        '__proto__',
        'constructor',
        'x-death',
        'x-delivery-count',
        'a\u0000b',
        'n'.repeat(255),
      ]);
      Object.defineProperty(wire.headers, name, { value: hostileValue(random), enumerable: true, configurable: true });
      return;
    }
    case 3:
      wire.headers = random.chance(0.2) ? {} : { ...wire.headers, outbox_signature: hostileSignature(random) };
      return;
    default:
      wire.headers[random.pick(Object.keys(wire.headers))] = hostileValue(random);
  }
}

function hostileSignature(random: SeededRandom): unknown {
  return random.chance(0.5)
    ? hostileValue(random)
    : random.pick(['k.', '.', 'k', 'other.AAAA', '__proto__.AAAA', `k.${'A'.repeat(43)}`, `k.${'A'.repeat(20_000)}`]);
}
