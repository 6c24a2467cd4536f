import fc from 'fast-check';
import { decode, encode, type WireEnvelope } from '../../message/envelope';
import { REQUEST } from '../../testing/envelope.fixture';
import { MAX_ATTEMPT } from '../../message/fields';
import { payloadHash } from '../../message/payload';
import type { Receipt } from '../../message/receipt';
import { sqlState } from './database';
import { PostgresFixture } from './postgres.fixture';

/**
 * The bounds of the reader are those of the columns: whatever comes from outside and is not refused at the door can be
 * written down. If not, it would fail in the database, be put back, and come again.
 */
describe('Whatever an envelope may hold', () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  afterAll(() => fixture.stop());

  const receipt: Receipt = {
    messageId: REQUEST.message.id,
    consumer: 'order-service',
    attempt: 1,
    recordedAt: '2026-11-22T10:00:00Z',
    verdict: 'rejected',
    reason: { code: 'NO' },
  };
  const LIMITS = { horizonMs: 60 * 365 * 86_400_000, lockTimeoutMs: 100 };

  const times = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
      .map(
        ([year, month, day]) =>
          `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T23:59:59.999999Z`,
      ),
    fc.constantFrom('9999-12-31T23:59:59.999999-14:59', '1970-01-01T00:00:00+14:59', '2026-11-28T23:59:59+15:59'),
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom('\u0000', 'a\u0000', '\ud800', 'ü'.repeat(255), 'x'.repeat(256), "';--"),
  );
  const numbers = fc.oneof(fc.integer(), fc.constantFrom(MAX_ATTEMPT, MAX_ATTEMPT + 1, 2 ** 53, -1, 0.5));
  const hostile = fc.oneof(times, texts, numbers);
  /** What the reader refuses is no run: about one in ten is read. */
  const AS_MANY_AS_ARE_READ = { numRuns: 30, maxSkipsPerRun: 100 };

  /** Was refused by no column; that there is no such row is fine. */
  const stored = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => {
      if (sqlState(error) !== undefined) throw error;
    });
  };

  it('of a message can be stored in the inbox', async () => {
    const wire = encode(REQUEST);
    const changed = fc.tuple(fc.constantFrom(...Object.keys(wire.headers)), hostile).map(([name, value]) => ({
      ...wire,
      headers: { ...wire.headers, [name]: value },
    }));
    await fc.assert(
      fc.asyncProperty(changed, async (each) => {
        const envelope = decode(each as WireEnvelope, 'order-service');
        fc.pre(envelope.kind === 'message');
        const { message: arrived, deadlineAt } = envelope;
        const { id: messageId, source, recordedAt } = arrived;
        const hash = payloadHash(arrived.type, arrived.payload);
        const entry = { messageId, consumer: 'order-service', source, recordedAt, deadlineAt, payloadHash: hash };
        await stored(() => fixture.inbox.look(entry, LIMITS));
        await stored(() =>
          fixture.transactions.run(async (tx) => {
            await fixture.inbox.begin(tx, entry, LIMITS);
            throw new Error('not to be kept');
          }),
        );
      }),
      AS_MANY_AS_ARE_READ,
    );
  });

  it('of a receipt can be stored with the delivery', async () => {
    const wire = encode({ kind: 'receipt', to: 'user-service', receipt });
    const body = JSON.parse(wire.body) as Record<string, unknown>;
    const changed = fc
      .tuple(fc.constantFrom(...Object.keys(body), 'result', 'payloadHash'), hostile, fc.oneof(numbers, fc.constant(1)))
      .map(([name, value, attempt]) => ({
        ...wire,
        headers: { ...wire.headers, cloudEvents_attempt: attempt },
        body: JSON.stringify({ ...body, [name]: value, reason: { code: value, message: value, details: { value } } }),
      }));
    await fc.assert(
      fc.asyncProperty(changed, async (each) => {
        const envelope = decode(each as WireEnvelope, 'user-service');
        fc.pre(envelope.kind === 'receipt' && envelope.receipt.verdict === 'rejected');
        const { receipt: arrived } = envelope;
        const answer = { verdict: 'rejected', reason: envelope.receipt.reason, result: undefined } as const;
        const about = { ...answer, payloadHash: arrived.payloadHash };
        await stored(() => fixture.outbox.keepAnswer(arrived, about as never, { waitMs: 0, code: 'C', error: 'e' }));
        await stored(() => fixture.outbox.noteLateVerdict(arrived, about as never));
        await stored(() => fixture.outbox.defer(arrived, arrived.attempt, { waitMs: 0, code: 'C', error: 'e' }));
        await stored(() => fixture.outbox.ageMs(arrived.recordedAt));
      }),
      AS_MANY_AS_ARE_READ,
    );
  });
});
