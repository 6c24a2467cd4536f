import fc from 'fast-check';
import { decode, encode, type Envelope, type WireEnvelope } from './envelope';
import { REQUEST } from '../testing/envelope.fixture';
import { attemptProblem, instantProblem, MAX_ATTEMPT, serviceProblem, shortTextProblem, typeProblem } from './fields';
import { MAX_JSON_DEPTH } from './json';
import { boundedReason, type Receipt, sendablePart, UNSPECIFIED } from './receipt';

/** What hides in fields: nothing, too much, other types, other characters, names that mean something to JavaScript. */
const hostile = fc.oneof(
  fc.anything(),
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.constantFrom('', '\u0000', 'a\u0000b', '\ud800', '\u001b[2J', '__proto__', 'x'.repeat(3_000), 'ü'.repeat(200)),
  fc.constantFrom(-1, 0, 1.5, MAX_ATTEMPT, MAX_ATTEMPT + 1, NaN, 2 ** 60),
  fc.constantFrom('2026-02-30T00:00:00Z', '0001-01-01T00:00:00Z', '1970-01-01T00:00:00+01:00', '2026-11-28T24:00:00Z'),
);
const deep = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));

const instant = fc
  .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const service = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
const type = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$/).filter((name) => typeProblem(name) === undefined);
const shortText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => shortTextProblem(text) === undefined);
const attempt = fc.integer({ min: 0, max: MAX_ATTEMPT });
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);

const messages: fc.Arbitrary<Envelope> = fc.record({
  kind: fc.constant('message' as const),
  message: fc.record({
    id: fc.uuid(),
    type,
    source: service,
    key: fc.option(shortText, { nil: undefined }),
    payload: fc.json(),
    headers: fc.dictionary(
      fc.stringMatching(/^[a-w][a-z]{0,20}$/).filter((name) => !/^b?cc$/.test(name) && name !== 'traceparent'),
      fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000')),
      { maxKeys: 5, noNullPrototype: true },
    ),
    recordedAt: instant,
  }),
  attempt,
  deadlineAt: fc.option(instant, { nil: undefined }),
  replyTo: fc.option(service, { nil: undefined }),
});
const cancels: fc.Arbitrary<Envelope> = fc.record({
  kind: fc.constant('cancel' as const),
  messageId: fc.uuid(),
  source: service,
  recordedAt: instant,
  attempt,
  replyTo: service,
  reason: fc.record(
    { code: fc.constantFrom('CANCELLED', 'DEADLINE'), message: shortText },
    { requiredKeys: ['code'], noNullPrototype: true },
  ),
});
const about = { messageId: fc.uuid(), consumer: service, attempt, recordedAt: instant };
const receipts: fc.Arbitrary<Receipt> = fc.oneof(
  fc
    .tuple(fc.record({ ...about, payloadHash: hash }), hostile)
    .map(([answer, result]) => ({ ...answer, verdict: 'accepted' as const, result })),
  fc.tuple(fc.record(about), hostile, hostile, hostile).map(([answer, code, message, details]) => ({
    ...answer,
    verdict: 'rejected' as const,
    reason: { code, message, details } as never,
  })),
);

describe('what is written is what is read', () => {
  it('of every message and cancel', () => {
    fc.assert(
      fc.property(fc.oneof(messages, cancels), (envelope) => {
        expect(decode(encode(envelope), 'order-service')).toEqual(envelope);
      }),
    );
  });

  it('of every verdict, whatever its reason or result: it gets home, and says the same when it is written again', () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        const read = decode(encode({ kind: 'receipt', to: 'p', receipt }), 'p');
        expect(read).toMatchObject({
          kind: 'receipt',
          receipt: { messageId: receipt.messageId, verdict: receipt.verdict },
        });
        if (read.kind === 'receipt') expect(decode(encode(read), 'p')).toEqual(read);
      }),
    );
  });

  it('of every field that is hostile: it is refused, or it is what a writer may write', () => {
    const wire = encode(REQUEST);
    const headers = fc.constantFrom(...Object.keys(wire.headers), 'tenant', 'cloudEvents_correlationid');
    fc.assert(
      fc.property(headers, hostile, fc.option(hostile, { nil: wire.replyTo }), (name, value, replyTo) => {
        const changed = { ...wire, headers: { ...wire.headers, [name]: value }, replyTo };
        const read = decode(changed as WireEnvelope, 'order-service');
        if (read.kind === 'malformed') expect(read.problem.length).toBeLessThan(310);
        else expect(decode(encode(read), 'order-service')).toEqual(read);
      }),
    );
  });
});

describe('a reason', () => {
  it.each([
    ['an empty code', ''],
    ['a number', 7],
    ['nothing', undefined],
    ['a symbol', Symbol('x')],
    ['only a NUL', '\u0000'],
  ])('of %s is replaced by a stand-in that says so', (_, code) => {
    expect(boundedReason({ code, message: 'm' })).toEqual({
      reason: { code: UNSPECIFIED, message: 'm' },
      problem: expect.stringContaining('reason'),
    });
  });

  const circle: { self?: unknown } = {};
  circle.self = circle;
  it.each([
    ['a circle', circle],
    ['a BigInt', { n: 1n }],
    ['a forbidden key', JSON.parse('{"form":{"__proto__":{"a":1}}}')],
    ['more levels than are read', deep(MAX_JSON_DEPTH + 1)],
    ['too much', 'x'.repeat(20_000)],
  ])('keeps its code when its details hold %s, and says what was left out', (_, details) => {
    const { reason, problem } = boundedReason({ code: 'NO', details });
    expect(reason).toEqual({ code: 'NO', details: { omitted: expect.any(String) } });
    expect(problem).toContain('details');
  });

  it('of the deepest details that are read arrives as it is', () => {
    const details = deep(MAX_JSON_DEPTH);
    expect(boundedReason({ code: 'NO', details })).toEqual({ reason: { code: 'NO', details } });
    expect(sendablePart(deep(MAX_JSON_DEPTH + 1))).toHaveProperty('problem');
  });
});

describe('the rules for fields', () => {
  it.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-11-28T10:60:00Z',
    '1969-12-31T23:59:59Z',
    '10000-01-01T00:00:00Z',
    '',
  ])('%s is no time that a column holds', (time) => expect(instantProblem(time)).toEqual(expect.any(String)));

  it.each(['2024-02-29T00:00:00Z', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z', '2026-11-28T10:00:00+14:00'])(
    '%s is one',
    (time) => expect(instantProblem(time)).toBeUndefined(),
  );

  it('take no attempt that is larger than its column', () => {
    expect(attemptProblem(MAX_ATTEMPT)).toBeUndefined();
    expect(attemptProblem(MAX_ATTEMPT + 1)).toEqual(expect.any(String));
  });

  it('take no name that is longer than a queue name may hold, or of other characters', () => {
    expect(serviceProblem('a'.repeat(64))).toEqual(expect.any(String));
    expect(serviceProblem('\u001b[31mred')).toEqual(expect.any(String));
  });
});
