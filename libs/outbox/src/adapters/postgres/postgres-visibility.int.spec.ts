import { randomUUID } from 'node:crypto';
import type { ClaimedDelivery } from '../../message/delivery';
import { newMessage, SOURCE } from '../../testing/store-contract-scenario';
import { PostgresFixture } from './postgres.fixture';

/** What other transactions see, and what they hold. */
describe('A claim', () => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  const claim = async (): Promise<readonly ClaimedDelivery[]> => {
    const limits = {
      limit: 100,
      leaseMs: 30_000,
      except: [],
      maxFollowUpAttempts: 20,
      giveUpAfterMs: 1e9,
      source: 'user-service',
    };
    return (await fixture.outbox.claim({ ...limits, leaseToken: randomUUID() })).deliveries;
  };
  const idsOf = (deliveries: readonly ClaimedDelivery[]): string[] => deliveries.map(({ messageId }) => messageId);
  const add = (...messages: ReturnType<typeof newMessage>[]): Promise<unknown> =>
    fixture.transactions.run((tx) => fixture.outbox.add(tx, messages), { propagation: 'new' });

  it('finds a message that was added earlier and committed later than another one', async () => {
    const [early, late] = [newMessage(), newMessage()];
    await fixture.transactions.run(async (tx) => {
      await fixture.outbox.add(tx, [early]);
      await add(late);
      expect(idsOf(await claim())).toEqual([late.id]);
    });
    expect(idsOf(await claim())).toEqual([early.id]);
  });

  it('takes rows that a foreign key of the application refers to in an open transaction', async () => {
    const message = newMessage();
    await add(message);
    await fixture.owner.query(`
      create table note (
        message_id uuid,
        consumer varchar(255) collate "C",
        foreign key (message_id, consumer) references outbox_delivery
      )`);
    try {
      await fixture.owner.transaction(async (tx) => {
        await tx.query('insert into note select message_id, consumer from outbox_delivery');
        expect(idsOf(await claim())).toEqual([message.id]);
      });
    } finally {
      await fixture.owner.query('drop table note');
    }
  });

  it('loses and repeats nothing while an old snapshot keeps every dead row', async () => {
    await fixture.owner.transaction('REPEATABLE READ', async (tx) => {
      const visible = async (): Promise<unknown> => tx.query('select count(*)::int as count from outbox_delivery');
      expect(await visible()).toEqual([{ count: 0 }]);
      const settled: string[] = [];
      for (let round = 0; round < 20; round++) {
        await add(...Array.from({ length: 20 }, () => newMessage()));
        const claimed = await claim();
        expect(claimed).toHaveLength(20);
        const outcomes = claimed.map((delivery) => ({ ...delivery, mark: { kind: 'delivered' } as const }));
        settled.push(...(await fixture.outbox.mark(outcomes)).written.map(({ messageId }) => messageId));
      }
      expect(new Set(settled).size).toBe(400);
      expect(await visible()).toEqual([{ count: 0 }]);
    });
    expect(await fixture.outbox.prune(SOURCE, 0, 1_000)).toBe(400);
  });
});
