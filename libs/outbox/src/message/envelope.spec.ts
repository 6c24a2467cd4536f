import fc from 'fast-check';
import { CORRELATION_HEADER, decode, encode, type Envelope, type MessageEnvelope } from './envelope';
import { MAX_JSON_DEPTH, readJson } from './json';
import { clip, type Receipt } from './receipt';

const id = '018f0000-0000-7000-8000-000000000001';
const message: MessageEnvelope = {
  kind: 'message',
  message: {
    id,
    type: 'order.requested',
    source: 'user-service',
    key: 'user 1',
    payload: '{"b":1, "a":"ü\\u0000\\ud83d" }',
    headers: {
      [CORRELATION_HEADER]: 'c-1',
      tenant: 'acme',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
    recordedAt: '2026-11-22T10:00:00.123456Z',
  },
  attempt: 2,
  deadlineAt: '2026-11-22T10:15:00.000000Z',
  replyTo: 'user-service',
};
const answer = { messageId: id, consumer: 'order-service', attempt: 1, recordedAt: '2026-11-22T10:00:01Z' };
const receipts: Receipt[] = [
  { ...answer, verdict: 'accepted', payloadHash: '5e'.repeat(32), result: { orderId: 7 } },
  { ...answer, verdict: 'rejected', reason: { code: 'OUT_OF_STOCK', message: 'none left', details: { left: 0 } } },
  { ...answer, verdict: 'deferred', reason: { code: 'FAILED' }, retryAfterMs: 5 },
  { ...answer, verdict: 'unprocessable', reason: { code: 'EXPIRED' } },
];

describe('an envelope', () => {
  it('arrives as it was sent, payload byte for byte', () => {
    expect(decode(encode(message), 'order-service')).toEqual(message);
  });

  it('is CloudEvents 1.0 in binary mode, mirrored in the basic properties', () => {
    const wire = encode(message);
    expect(wire).toMatchObject({
      messageId: id,
      type: 'order.requested',
      appId: 'user-service',
      correlationId: 'c-1',
      replyTo: 'user-service',
      timestamp: 1795341600,
    });
    expect(wire.headers).toMatchObject({
      cloudEvents_specversion: '1.0',
      cloudEvents_id: id,
      cloudEvents_type: 'order.requested',
      cloudEvents_source: 'user-service',
      cloudEvents_time: '2026-11-22T10:00:00.123456Z',
      cloudEvents_subject: 'user 1',
      cloudEvents_attempt: 2,
      cloudEvents_expirytime: '2026-11-22T10:15:00.000000Z',
      cloudEvents_traceparent: message.message.headers.traceparent,
      traceparent: message.message.headers.traceparent,
      tenant: 'acme',
    });
  });

  it('of a cancel carries the time of the original, and why', () => {
    const cancel: Envelope = {
      kind: 'cancel',
      messageId: id,
      source: 'user-service',
      recordedAt: message.message.recordedAt,
      attempt: 1,
      replyTo: 'user-service',
      reason: { code: 'DEADLINE', message: 'too late' },
    };
    expect(decode(encode(cancel), 'order-service')).toEqual(cancel);
  });

  it.each([
    ['no reason', '{}', { code: 'CANCELLED' }],
    [
      'another code',
      '{"reason":{"code":"OUT_OF_STOCK","message":"none left"}}',
      { code: 'CANCELLED', message: 'none left' },
    ],
    ['more than a code and a text', '{"reason":{"code":"DEADLINE","details":{"a":1}}}', { code: 'DEADLINE' }],
    ['nothing at all', 'null', { code: 'CANCELLED' }],
  ])('of a cancel with %s is a cancel all the same', (_, body, reason) => {
    const wire = encode({
      kind: 'cancel',
      ...{ messageId: id, source: 'user-service', recordedAt: message.message.recordedAt, attempt: 1 },
      ...{ replyTo: 'user-service', reason: { code: 'CANCELLED' } },
    });
    expect(decode({ ...wire, body }, 'order-service')).toMatchObject({ kind: 'cancel', reason });
  });

  it.each(receipts)('of a receipt ($verdict) echoes id and attempt', (receipt) => {
    const wire = encode({ kind: 'receipt', to: 'user-service', receipt });
    expect(wire).toMatchObject({ type: 'outbox.receipt', correlationId: id, appId: 'order-service' });
    expect(decode(wire, 'user-service')).toEqual({ kind: 'receipt', to: 'user-service', receipt });
  });

  it('of a receipt may say how many its consumer takes in one, and is the same receipt without', () => {
    const bundle = { type: 'order.requested', most: 16 };
    const envelope: Envelope = { kind: 'receipt', to: 'user-service', receipt: receipts[0]!, bundle };
    expect(decode(encode(envelope), 'user-service')).toEqual(envelope);
    const wire = encode(envelope);
    for (const other of [
      '{}',
      '7',
      '{"type":"order.requested","most":1}',
      '{"type":"a b","most":8}',
      '{"type":"a","most":8.5}',
    ])
      expect(decode({ ...wire, body: wire.body.replace(JSON.stringify(bundle), other) }, 'user-service')).toEqual({
        kind: 'receipt',
        to: 'user-service',
        receipt: receipts[0],
      });
  });

  it('leaves out a result that is too large, and says so of details', () => {
    const big = 'x'.repeat(20_000);
    const accepted = decode(
      encode({ kind: 'receipt', to: 'p', receipt: { ...receipts[0]!, result: big } as Receipt }),
      'p',
    );
    expect(accepted).toMatchObject({ kind: 'receipt', receipt: { verdict: 'accepted' } });
    expect(accepted).not.toHaveProperty('receipt.result');
    const rejected = decode(
      encode({
        kind: 'receipt',
        to: 'p',
        receipt: { ...receipts[1]!, reason: { code: 'A', details: big } } as Receipt,
      }),
      'p',
    );
    expect(rejected).toMatchObject({ receipt: { reason: { code: 'A', details: { omitted: expect.any(String) } } } });
  });
});

describe('what a receipt is an answer to', () => {
  const wire = encode({ kind: 'receipt', to: 'p', receipt: receipts[0]! });
  const saying = (payloadHash: unknown): string => JSON.stringify({ ...JSON.parse(wire.body), payloadHash });

  it.each([undefined, null, '', 'ab', 'Z'.repeat(64), '5e'.repeat(33), 7, {}])(
    'must be said by one that accepts, as a hash (%s)',
    (hash) => {
      expect(decode({ ...wire, body: saying(hash) }, 'p')).toMatchObject({ kind: 'malformed' });
    },
  );

  it('is left out by a rejection that a cancel brought about before anything was seen', () => {
    const rejected = encode({ kind: 'receipt', to: 'p', receipt: receipts[1]! });
    expect(decode(rejected, 'p')).toMatchObject({ receipt: { verdict: 'rejected' } });
  });
});

describe('what arrives from outside', () => {
  const wire = encode(message);

  it.each([
    ['no headers', { ...wire, headers: undefined }],
    ['another specversion', { ...wire, headers: { ...wire.headers, cloudEvents_specversion: '0.3' } }],
    ['an id that is no UUID', { ...wire, headers: { ...wire.headers, cloudEvents_id: '1; drop table' } }],
    ['a time that is none', { ...wire, headers: { ...wire.headers, cloudEvents_time: 'yesterday' } }],
    ['a fractional attempt', { ...wire, headers: { ...wire.headers, cloudEvents_attempt: 1.5 } }],
    ['a nested type', { ...wire, headers: { ...wire.headers, cloudEvents_type: { toString: () => 'x' } } }],
    ['a receipt without verdict', { ...encode({ kind: 'receipt', to: 'p', receipt: receipts[0]! }), body: '{}' }],
    [
      'a receipt from somebody else',
      {
        ...encode({ kind: 'receipt', to: 'p', receipt: receipts[0]! }),
        headers: {
          ...encode({ kind: 'receipt', to: 'p', receipt: receipts[0]! }).headers,
          cloudEvents_source: 'mallory',
        },
      },
    ],
  ])('is malformed with %s', (_, broken) => {
    expect(decode(broken, 'order-service')).toMatchObject({ kind: 'malformed', problem: expect.any(String) });
  });

  it('never makes decode throw', () => {
    const anything = fc.record(
      {
        headers: fc.dictionary(fc.constantFrom(...Object.keys(wire.headers)), fc.anything()),
        body: fc.string(),
        messageId: fc.anything(),
        replyTo: fc.anything(),
      },
      { requiredKeys: ['body'] },
    );
    fc.assert(fc.property(anything, (each) => typeof decode(each as never, 'order-service').kind === 'string'));
  });

  it('may not pollute prototypes, nor be nested without end', () => {
    expect(() => readJson('{"__proto__":{"admin":true}}')).toThrow('forbidden key');
    expect(() => readJson('{"a":{"constructor":{"prototype":{"x":1}}}}')).toThrow('forbidden key');
    expect(() => readJson('['.repeat(MAX_JSON_DEPTH + 1))).toThrow('nested deeper');
    expect(() => readJson('{"secret": "s3cr3t" oops')).toThrow(/^is not valid JSON$/);
    expect(readJson(`{"brackets in text": "${'['.repeat(1000)}\\"{"}`)).toBeDefined();
  });
});

describe('clip', () => {
  it('bounds by UTF-8 bytes and cuts at a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 8, max: 200 }), (text, limit) => {
        const clipped = clip(text, limit);
        return Buffer.byteLength(clipped) <= limit + 1 && !clipped.slice(0, -1).endsWith('\uFFFD');
      }),
    );
    expect(clip('ééééé', 8)).toBe('éé…');
  });
});
