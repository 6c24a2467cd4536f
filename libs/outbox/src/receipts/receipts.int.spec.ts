import { randomUUID } from 'node:crypto';
import { PostgresFixture } from '../adapters/postgres/postgres.fixture';
import { SystemClock } from '../adapters/system/system-clock';
import { Turns } from '../concurrency/turns';
import type { OutboxEvent } from '../message/events';
import type { Receipt } from '../message/receipt';
import { newMessage } from '../testing/store-contract-scenario';
import type { FollowUpRunner } from './follow-ups';
import { Receipts } from './receipts';

const DAY = 86_400_000;
const CONSUMER = 'order-service';
const AT = '2026-11-22T10:00:01Z';

describe('receipts that PostgreSQL refuses', () => {
  let fixture: PostgresFixture;
  let events: OutboxEvent[];
  let receipts: Receipts;

  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  beforeEach(() => {
    events = [];
    const clock = new SystemClock();
    const monitor = { record: (event: OutboxEvent) => void events.push(event) };
    receipts = new Receipts(
      {
        store: fixture.outbox,
        transactions: fixture.transactions,
        followUps: {
          run: () => Promise.reject(new Error('no message here has a follow-up')),
        } as unknown as FollowUpRunner,
        marks: { skip: () => undefined },
        verdicts: { changed: () => {} },
        turns: new Turns(fixture.outbox, { reserve: () => undefined, wake: () => {} }, DAY, clock, monitor),
        waits: { backoff: () => 1_000, receipt: () => 60_000 },
        clock,
        monitor,
      },
      { service: 'user-service', retentionMs: DAY },
    );
  });
  afterAll(() => fixture.stop());

  const rejected = (messageId: string, more: Partial<Receipt> = {}): Receipt =>
    ({
      messageId,
      consumer: CONSUMER,
      attempt: 1,
      recordedAt: AT,
      verdict: 'rejected',
      reason: { code: 'NO' },
      ...more,
    }) as Receipt;
  const apply = (receipt: Receipt, returns = 0) =>
    receipts.apply({ kind: 'receipt', to: 'user-service', receipt }, returns);
  const named = (name: OutboxEvent['event']): OutboxEvent[] => events.filter(({ event }) => event === name);

  // The reader has bounds of its own; these are what it would let through if it had none.
  it.each<[string, () => Receipt]>([
    ['an id that is none', () => rejected('not-a-uuid')],
    ['a NUL in a name', () => rejected(randomUUID(), { consumer: 'order\u0000service' })],
    ['an attempt beyond 32 bits', () => rejected(randomUUID(), { verdict: 'deferred', attempt: 2 ** 40 })],
    ['a time that is none', () => rejected(randomUUID(), { recordedAt: '+300000-01-01T00:00:00Z' })],
  ])('are put aside at once, with an alarm, and never come back: %s', async (_, poisonous) => {
    expect(await apply(poisonous())).toMatchObject({ kind: 'quarantine' });

    expect(named('receipt.refused')).toHaveLength(1);
    expect([receipts.refused, receipts.returned]).toEqual([1, 0]);
  });

  it('do not take the others of their batch with them', async () => {
    const messages = Array.from({ length: 40 }, () => newMessage());
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, messages));
    const good = messages.map(({ id }) => rejected(id));
    const mixed = [...good.slice(0, 13), rejected('poison-1'), ...good.slice(13), rejected('poison-2')];

    const reactions = await Promise.all(mixed.map((receipt) => apply(receipt)));

    expect(reactions.filter(({ kind }) => kind === 'quarantine')).toHaveLength(2);
    expect(reactions.filter(({ kind }) => kind === 'done')).toHaveLength(40);
    for (const { id } of messages) expect((await fixture.outbox.find(id))[0]).toMatchObject({ state: 'compensated' });
  });

  it('for a reason of its own come back, more and more slowly, and not for ever', async () => {
    const missing = Object.assign(new Error('relation does not exist'), { code: '42P01' });
    jest.spyOn(fixture.outbox, 'closeMany').mockRejectedValue(missing);
    const pauses: number[] = [];
    let returns = 0;
    for (; returns < 100; returns++) {
      const reaction = await apply(rejected(randomUUID()), returns);
      if (reaction.kind !== 'return') break;
      pauses.push(reaction.pauseMs);
    }
    jest.restoreAllMocks();

    expect(returns).toBe(8);
    expect(pauses).toEqual([...pauses].sort((one, other) => one - other));
    expect(named('receipt.refused')).toHaveLength(1);
    expect([receipts.refused, receipts.returned]).toEqual([1, 8]);
  });

  it('come back as often as it takes while the database is away', async () => {
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    jest.spyOn(fixture.outbox, 'closeMany').mockRejectedValue(away);
    for (const returns of [0, 8, 100, 10_000])
      expect(await apply(rejected(randomUUID()), returns)).toMatchObject({ kind: 'return' });
    jest.restoreAllMocks();

    expect(events).toEqual([]);
  });
});
