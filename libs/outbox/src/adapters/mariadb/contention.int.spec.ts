import { randomUUID } from 'node:crypto';
import type { DeliveryKey, ReceivedAnswer } from '../../message/delivery';
import { keyText } from '../../message/envelope';
import type { MarkRow } from '../../ports/store';
import { ACCEPTED, newMessage, REJECTED, SOURCE } from '../../testing/store-contract-scenario';
import { MariaDbFixture } from './mariadb.fixture';
import type { MariaDbStore } from './mariadb-store';

/** A few seconds; `CONTENTION_ROUNDS=150` takes a minute. */
const ROUNDS = Number(process.env.CONTENTION_ROUNDS ?? 5);
const PASSES = 6;
const CONSUMERS = ['mail-service', 'order-service'];
const CLAIM = { limit: 100, leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source: SOURCE };

describe('Two stores with the same rows', () => {
  let fixture: MariaDbFixture;
  let stores: MariaDbStore[];

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
    stores = [fixture.store(), fixture.store()];
  });
  afterAll(async () => {
    for (const store of stores) await store.end();
    await fixture.stop();
  });

  async function deadlocks(): Promise<number> {
    const rows = (await fixture.dataSource.query("show global status like 'Innodb_deadlocks'")) as { Value: string }[];
    return Number(rows[0]?.Value ?? 0);
  }

  it(
    'claim, mark, close and cancel without a deadlock, and give nothing out twice',
    async () => {
      const before = await deadlocks();
      for (let round = 0; round < ROUNDS; round++) {
        await fixture.empty();
        const deliveries = CONSUMERS.map((consumer) => ({ consumer, followUp: 'none' as const }));
        const messages = Array.from({ length: 150 }, () => newMessage({ deliveries }));
        await fixture.transactions.run((tx) => fixture.outbox.add(tx, messages));
        const keys = messages.flatMap(({ id }) => CONSUMERS.map((consumer) => ({ messageId: id, consumer })));
        const done: Done = { claimed: [], closed: [] };
        await Promise.all(stores.map((store) => contend(store, keys, done)));

        expect(new Set(done.claimed).size).toBe(done.claimed.length);
        const left = await fixture.outbox.closeMany(keys.map((key) => ({ ...key, answer: ACCEPTED })));
        expect([...done.closed, ...left.map(keyText)].sort()).toEqual(keys.map(keyText).sort());
      }
      expect(await deadlocks()).toBe(before);
    },
    30_000 + ROUNDS * 5_000,
  );
});

/** What the stores did in a round. */
interface Done {
  /** `phase key attempt` of each delivery that was given out. */
  readonly claimed: string[];
  readonly closed: string[];
}

/** All at once and in no order, over the rows a few times. What may not be done to a row, the store must refuse. */
async function contend(store: MariaDbStore, keys: readonly DeliveryKey[], done: Done): Promise<void> {
  const close = async (some: readonly DeliveryKey[], answer: ReceivedAnswer): Promise<void> => {
    done.closed.push(...(await store.closeMany(some.map((key) => ({ ...key, answer })))).map(keyText));
  };
  for (let pass = 0; pass < PASSES; pass++) {
    await Promise.all([
      relay(store, done),
      relay(store, done),
      close(some(keys.filter(({ consumer }) => consumer === CONSUMERS[pass % 2])), ACCEPTED),
      close(some(keys), pass % 2 ? ACCEPTED : REJECTED),
      ...some(keys, 4).map(({ messageId }) => store.cancel(undefined, messageId, { reason: 'changed my mind' })),
    ]);
  }
}

/** Takes what is due and gives it back at once, several times: what others held is tried again, the rest is not ours any more. */
async function relay(store: MariaDbStore, done: Done): Promise<void> {
  const { deliveries } = await store.claim({ ...CLAIM, leaseToken: randomUUID() });
  for (const { state, attempt, ...key } of deliveries)
    done.claimed.push(`${state === 'cancelling' ? state : 'sending'} ${keyText(key)} ${attempt}`);
  const marks = deliveries.map(({ messageId, consumer, leaseToken, state }): MarkRow => {
    const mark = { kind: state === 'cancelling' ? 'again' : 'sent', waitMs: 0, error: undefined } as const;
    return { messageId, consumer, leaseToken, mark };
  });
  for (let tries = 0; tries < 3; tries++) await store.mark(shuffled(marks));
}

/** In no order. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}

function some<T>(list: readonly T[], count = Math.ceil(list.length / 6)): T[] {
  return shuffled(list).slice(0, count);
}
