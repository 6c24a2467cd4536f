import fc from 'fast-check';
import { type Codec, expectedAt, PLAIN, SIGNATURE_HEADER, signedCodec } from './codec';
import { decode, encode, type Envelope, type UntrustedWireEnvelope } from './envelope';

const id = '018f0000-0000-7000-8000-000000000001';
const other = '018f0000-0000-7000-8000-000000000002';
const keys = { k1: 'the first secret, thirty-two bytes and more', k2: 'the second secret, thirty-two bytes and more' };
const codec = signedCodec({ sign: 'k1', keys });
const receipt: Envelope = {
  kind: 'receipt',
  to: 'user-service',
  receipt: {
    messageId: id,
    consumer: 'order-service',
    attempt: 1,
    recordedAt: '2026-11-22T10:00:01Z',
    verdict: 'accepted',
    payloadHash: '5e'.repeat(32),
  },
};
const cancel: Envelope = {
  kind: 'cancel',
  messageId: id,
  source: 'user-service',
  recordedAt: '2026-11-22T10:00:01Z',
  attempt: 1,
  replyTo: 'user-service',
  reason: { code: 'CANCELLED' },
};
const request: Envelope = {
  kind: 'message',
  message: {
    id,
    type: 'order.requested',
    source: 'user-service',
    key: 'user-1',
    payload: '{"quantity":1}',
    headers: {
      tenant: 'blue',
      cloudEvents_correlationid: id,
      cloudEvents_causationid: other,
      traceparent: '00-a-b-01',
    },
    recordedAt: '2026-11-22T10:00:01Z',
  },
  attempt: 1,
  deadlineAt: '2026-11-22T10:15:01Z',
  replyTo: 'user-service',
};
const announcement: Envelope = { ...request, deadlineAt: undefined, replyTo: undefined };
const RECEIPT = { kind: 'receipt' } as const;
const CANCEL = { kind: 'cancel' } as const;
const CALL = { kind: 'call' } as const;
const REQUEST = { kind: 'request', elsewhere: ['order.paid'] } as const;
const ANNOUNCEMENT = { kind: 'announcement', elsewhere: ['order.paid'] } as const;
const signed = codec.encode(receipt, 'user-service');
const refused = {
  kind: 'malformed',
  problem: expect.stringMatching(/^UNTRUSTED: /),
  untrusted: { messageId: expect.any(String), consumer: 'order-service' },
};

function with_(header: string, value: unknown): UntrustedWireEnvelope {
  return { ...signed, headers: { ...signed.headers, [header]: value } };
}

describe('signed receipts and cancels', () => {
  it('are taken from whoever has the key', () => {
    expect(codec.decode(signed, 'user-service', RECEIPT)).toEqual(receipt);
    expect(codec.decode(codec.encode(cancel, 'order-service'), 'order-service', CANCEL)).toEqual(cancel);
  });

  it.each([
    [
      'with another verdict',
      { ...signed, body: signed.body.replace('accepted', 'rejected","reason":{"code":"X"},"x":"') },
    ],
    ['about other content', { ...signed, body: signed.body.replace('5e5e', '5f5f') }],
    ['about another message', with_('cloudEvents_correlationid', other)],
    ['for another attempt', with_('cloudEvents_attempt', 2)],
    ['recorded at another time', with_('cloudEvents_time', '2026-11-23T10:00:01Z')],
    ['without a signature', with_(SIGNATURE_HEADER, undefined)],
    ['with an empty signature', with_(SIGNATURE_HEADER, 'k1.')],
    ['with half a signature', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).slice(0, 30))],
    ['with a signature that is no text', with_(SIGNATURE_HEADER, { k1: 'x' })],
    ['with a key nobody knows', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'k9'))],
    [
      'with a key named like a method',
      with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'constructor')),
    ],
    ['with the wrong key', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'k2'))],
  ])('are refused %s', (_, forged) => {
    expect(codec.decode(forged, 'user-service', RECEIPT)).toEqual(refused);
  });

  it('are refused by a service they were not meant for', () => {
    expect(codec.decode(signed, 'another-service', RECEIPT)).toEqual(refused);
    expect(codec.decode(codec.encode(cancel, 'order-service'), 'stock-service', CANCEL)).toMatchObject({
      kind: 'malformed',
    });
  });

  it('are accepted with an old key while it is in the ring, and not after', () => {
    const rotated = signedCodec({ sign: 'k2', keys });
    expect(rotated.decode(signed, 'user-service', RECEIPT)).toEqual(receipt);
    const finished = signedCodec({ sign: 'k2', keys: { k2: keys.k2 } });
    expect(finished.decode(signed, 'user-service', RECEIPT)).toEqual(refused);
  });

  it('cost nothing where nobody asked for them', () => {
    expect(PLAIN.encode(receipt, 'user-service').headers).not.toHaveProperty(SIGNATURE_HEADER);
  });
});

describe('signed messages', () => {
  const forOrders = codec.encode(request, 'order-service');
  const forAll = codec.encode(announcement, undefined);
  const refusedMessage = {
    kind: 'malformed',
    problem: 'UNTRUSTED: its signature is wrong',
    untrusted: { messageId: expect.any(String), consumer: 'order-service' },
  };

  it('are taken from whoever has the key, with every header', () => {
    expect(codec.decode(forOrders, 'order-service', REQUEST)).toEqual(request);
    expect(codec.decode(forOrders, 'order-service', CALL)).toEqual(request);
    expect(codec.decode(forAll, 'order-service', ANNOUNCEMENT)).toEqual(announcement);
    expect(codec.decode(forAll, 'mail-service', ANNOUNCEMENT)).toEqual(announcement);
  });

  const altered: [string, UntrustedWireEnvelope][] = [
    ['with another id', withHeader('cloudEvents_id', other)],
    ['with another source', withHeader('cloudEvents_source', 'mail-service')],
    ['recorded at another time', withHeader('cloudEvents_time', '2026-11-23T10:00:01Z')],
    ['of another attempt', withHeader('cloudEvents_attempt', 2)],
    ['with a deadline in the past', withHeader('cloudEvents_expirytime', '2020-11-23T10:00:01Z')],
    ['without its deadline', withHeader('cloudEvents_expirytime', undefined)],
    ['with another key', withHeader('cloudEvents_subject', 'user-2')],
    ['in another conversation', withHeader('cloudEvents_correlationid', other)],
    ['with another cause', withHeader('cloudEvents_causationid', id)],
    ['with another header of the user', withHeader('tenant', 'green')],
    ['with one header more', withHeader('role', 'admin')],
    ['without a header', withHeader('tenant', undefined)],
    ['with its receipt for somebody else', { ...forOrders, replyTo: 'mail-service' }],
    ['with other content', { ...forOrders, body: '{"quantity":2}' }],
  ];
  it.each(altered)('are refused %s', (_, wire) => {
    expect(codec.decode(wire, 'order-service', REQUEST)).toEqual(refusedMessage);
  });

  it.each(altered)('(control) are taken %s by whoever does not check', (_, wire) => {
    expect(PLAIN.decode(wire, 'order-service', REQUEST)).toMatchObject({ kind: 'message' });
  });

  it('are refused by a service they were not meant for, and where everybody listens', () => {
    expect(codec.decode(forOrders, 'mail-service', REQUEST)).toMatchObject({ kind: 'malformed' });
    const announced = { ...forOrders, replyTo: undefined };
    expect(codec.decode(announced, 'order-service', ANNOUNCEMENT)).toEqual(refusedMessage);
    expect(codec.decode({ ...forAll, replyTo: 'user-service' }, 'order-service', REQUEST)).toEqual(refusedMessage);
  });

  it('say what they said when they were signed, whatever is done to them, or are refused', () => {
    const names = ['id', 'type', 'source', 'time', 'attempt', 'subject', 'expirytime', 'correlationid', 'causationid'];
    const header = fc.oneof(
      fc.constantFrom(...names.map((name) => `cloudEvents_${name}`), 'tenant', 'outbox_listeners', SIGNATURE_HEADER),
      fc.string({ minLength: 1 }),
    );
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(undefined),
      fc.constant(other),
      fc.anything({ withBigInt: true }),
    );
    const text = fc.oneof(fc.string(), fc.constant('mail-service'), fc.constant(undefined));
    const change = fc.oneof(
      fc.tuple(header, value).map(([name, given]) => withHeader(name, given)),
      text.map((replyTo) => ({ ...forOrders, replyTo })),
      text.map((body) => ({ ...forOrders, body: body ?? '' })),
      fc
        .record({ messageId: value, type: value, appId: value, correlationId: value, timestamp: value })
        .map((properties) => ({
          ...forOrders,
          ...properties,
        })),
    );
    fc.assert(
      fc.property(change, (wire) => {
        const found = codec.decode(wire, 'order-service', REQUEST);
        if (found.kind !== 'malformed') expect(found).toEqual(request);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stay signed when a tracing agent writes its headers', () => {
    const traced = { ...forOrders.headers, traceparent: '00-c-d-01', tracestate: 'x=1', baggage: 'y=2' };
    expect(codec.decode({ ...forOrders, headers: traced }, 'order-service', REQUEST)).toMatchObject({
      kind: 'message',
      message: { headers: { traceparent: '00-a-b-01' } }, // as it was recorded
    });
  });

  function withHeader(header: string, value: unknown): UntrustedWireEnvelope {
    return { ...forOrders, headers: { ...forOrders.headers, [header]: value } };
  }
});

describe('a way in', () => {
  const ways = { request: REQUEST, announcement: ANNOUNCEMENT, cancel: CANCEL, receipt: RECEIPT, call: CALL };
  const envelopes = { request, announcement, cancel, receipt };
  const yields: Record<keyof typeof ways, readonly string[]> = {
    request: ['request'],
    announcement: ['announcement'],
    cancel: ['cancel'],
    receipt: ['receipt'],
    call: ['request', 'announcement', 'cancel'],
  };
  const pairs = (Object.keys(ways) as (keyof typeof ways)[]).flatMap((way) =>
    (Object.keys(envelopes) as (keyof typeof envelopes)[]).map((kind) => [way, kind] as const),
  );
  const codecs: Codec[] = [PLAIN, codec];

  it.each(pairs)('for a %s yields a %s only if that is its own', (way, kind) => {
    for (const each of codecs) {
      const wire = each.encode(envelopes[kind], kind === 'announcement' && way === 'announcement' ? undefined : 'me');
      const { kind: found } = each.decode(wire, 'me', ways[way]);
      expect(found === 'malformed').toBe(!yields[way].includes(kind));
    }
  });

  it('for a type yields no message of a type that has a way of its own; one that nobody handles is answered so', () => {
    const subscriptions = [
      { kind: 'request', type: 'order.paid' },
      { kind: 'request', type: 'order.requested' },
    ] as const;
    const wire = PLAIN.encode(request, 'me');
    expect(PLAIN.decode(wire, 'me', expectedAt(subscriptions[0], subscriptions))).toMatchObject({ kind: 'malformed' });
    expect(PLAIN.decode(wire, 'me', expectedAt(subscriptions[1], subscriptions))).toEqual(request);
    expect(PLAIN.decode(wire, 'me', expectedAt(subscriptions[0], [subscriptions[0]]))).toEqual(request);
  });

  it('(control) would yield whatever an envelope says it is, if nobody asked', () => {
    for (const envelope of Object.values(envelopes))
      expect(decode(encode(envelope), 'user-service').kind).toBe(envelope.kind);
  });
});
