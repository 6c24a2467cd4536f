import type { DeliveryRow } from '../testing/memory/memory-tables';
import { OutboxMessage } from '../index';
import { handle, type HarnessService, onAccepted, OutboxHarness } from '../testing';
import type { HarnessServiceOptions } from '../testing';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}
@OutboxMessage({ type: 'mail.requested', to: 'mail-service' })
class MailRequested {}

const WINDOW = 8;

/** user-service sends to order-service and to mail-service, which accept everything. */
async function system(options: HarnessServiceOptions = {}) {
  const harness = new OutboxHarness();
  await harness.service('order-service', [handle(OrderRequested, async () => undefined)]);
  await harness.service('mail-service', [handle(MailRequested, async () => undefined)]);
  const completedAt = new Map<string, number>();
  const users = await harness.service(
    'user-service',
    [
      onAccepted(OrderRequested, async (_, { messageId }) => {
        completedAt.set(messageId, harness.clock.monotonic());
      }),
    ],
    { window: WINDOW, pollInterval: '1s', ...options },
  );
  return { harness, users, completedAt, traffic: observe(harness) };
}

/** What the broker sees of requests: when each came, and how many at most were unanswered at once. */
function observe({ broker, clock }: OutboxHarness): { publishedAt: number[]; mostInFlight: number } {
  const traffic = { publishedAt: [] as number[], mostInFlight: 0 };
  let inFlight = 0;
  const publish = broker.publish.bind(broker);
  broker.publish = (passage, told) => {
    if (passage.exchange !== 'requests') return publish(passage, told);
    traffic.publishedAt.push(clock.monotonic());
    traffic.mostInFlight = Math.max(traffic.mostInFlight, ++inFlight);
    publish(passage, (outcome) => {
      inFlight -= 1;
      told(outcome);
    });
  };
  return traffic;
}

async function add(users: HarnessService, contract: typeof OrderRequested, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await users.add(contract, {});
}

const deliveries = (users: HarnessService): DeliveryRow[] => users.rows<DeliveryRow>('outbox_delivery');
const states = (users: HarnessService): Set<string> => new Set(deliveries(users).map(({ state }) => state));
const eventsOf = (users: HarnessService): Set<string> => new Set(users.events.map(({ event }) => event));

describe('the pressure of a broker', () => {
  it('that is blocked keeps rows in the database; afterwards they pass through the window', async () => {
    const { harness, users, traffic } = await system();
    harness.broker.block();
    await add(users, OrderRequested, 100);
    await harness.advance('1h');
    expect(traffic.publishedAt).toEqual([]);
    expect(deliveries(users).every(({ state, attempts }) => state === 'pending' && attempts === 0)).toBe(true);

    harness.broker.resume();
    await harness.drain();
    expect(states(users)).toEqual(new Set(['completed']));
    expect(traffic.publishedAt).toHaveLength(100);
    expect(traffic.mostInFlight).toBe(WINDOW / 2);
  });

  it('that says no slows every row down; afterwards all of them arrive', async () => {
    const { harness, users, traffic } = await system();
    harness.faults.refuse('message', Infinity);
    await add(users, OrderRequested, 30);
    await harness.advance('1h');
    expect(states(users)).toEqual(new Set(['pending']));
    // Back-off: in the second half of the hour a row is tried every two and a half minutes, not all the time.
    const late = traffic.publishedAt.filter((at) => at >= 1_800_000).length;
    expect(late).toBeGreaterThan(30);
    expect(late).toBeLessThan(30 * 24);
    expect(traffic.mostInFlight).toBeLessThanOrEqual(WINDOW / 2);

    harness.faults.clear();
    await harness.drain();
    expect(states(users)).toEqual(new Set(['completed']));
  });
});

describe('a consumer that never answers', () => {
  const ORDERS = 200;

  /** Orders, one every 10 ms. @returns how long each took */
  async function orders({ beside, delay }: { beside: number; delay?: number }): Promise<number[]> {
    const { harness, users, completedAt } = await system();
    harness.faults.silence('mail-service');
    await add(users, MailRequested, beside);
    await harness.advance('1m');
    const committedAt = new Map<string, number>();
    for (let i = 0; i < ORDERS; i++) {
      committedAt.set((await users.add(OrderRequested, {}, { delay })).id, harness.clock.monotonic());
      await harness.advance(10);
    }
    await harness.advance('5s');
    return [...committedAt].map(([id, at]) => completedAt.get(id)! - at);
  }

  it('delays no message to anybody else, even when more wait for it than memory holds', async () => {
    expect(await orders({ beside: 1_200 })).toEqual(await orders({ beside: 0 }));
  });

  it('delays no row of anybody else that the sweep has to find', async () => {
    const took = await orders({ beside: 400, delay: 1 });
    expect(took).toHaveLength(ORDERS);
    // Two polls of an idle relay. An attempt at the silent one takes five seconds.
    expect(Math.max(...took)).toBeLessThan(2_000);
  });
});

describe('after an outage', () => {
  const BACKLOG = 300;

  /** @returns publishes in every whole second after the broker came back, until none was left */
  async function perSecond(options: HarnessServiceOptions): Promise<{ counts: number[]; users: HarnessService }> {
    const { harness, users, traffic } = await system({ window: 512, ...options });
    harness.broker.interrupt();
    await add(users, OrderRequested, BACKLOG);
    await harness.advance('10m');
    const back = harness.clock.monotonic();
    harness.broker.resume();
    await harness.drain();
    const counts: number[] = [];
    for (const at of traffic.publishedAt) {
      const second = Math.floor((at - back) / 1000);
      counts[second] = (counts[second] ?? 0) + 1;
    }
    return { counts, users };
  }

  it('everything is sent at once, without a limit', async () => {
    const { counts } = await perSecond({});
    expect(counts).toEqual([BACKLOG]);
  });

  it('a limited relay sends evenly; what waits, waits in the database, where no lease runs out', async () => {
    const { counts, users } = await perSecond({ maxPublishesPerSecond: 20 });
    expect(counts.length).toBeGreaterThanOrEqual(BACKLOG / 20 - 1);
    // The first second has the burst of a quarter second besides.
    for (const count of counts.slice(0, -1)) {
      expect(count).toBeGreaterThanOrEqual(16);
      expect(count).toBeLessThanOrEqual(25);
    }
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(BACKLOG);
    expect(deliveries(users).every(({ state, attempts }) => state === 'completed' && attempts === 1)).toBe(true);
    expect(eventsOf(users)).not.toContain('delivery.lease-ran-short');
  });

  it('a limited relay keeps its pace when its broker was silent, and nobody said that it was gone', async () => {
    const { harness, users, traffic } = await system({ maxPublishesPerSecond: 20 });
    harness.faults.silence('order-service');
    for (let i = 0; i < 100; i++) {
      await users.add(OrderRequested, {});
      await harness.advance(40);
    }
    const answersAgain = harness.clock.monotonic();
    harness.faults.clear();
    await harness.drain();
    expect(states(users)).toEqual(new Set(['completed']));
    const since = traffic.publishedAt.filter((at) => at >= answersAgain);
    const inTheSecondFrom = (from: number): number => since.filter((at) => at >= from && at < from + 1000).length;
    expect(Math.max(...since.map(inTheSecondFrom))).toBeLessThanOrEqual(20 + 2 * 5);
  });

  it('new messages queue behind the old ones, and are handed off again when those are gone', async () => {
    const { harness, users, completedAt } = await system({ maxPublishesPerSecond: 20 });
    harness.broker.interrupt();
    await add(users, OrderRequested, 100);
    harness.broker.resume();
    await harness.advance(50);
    const old = new Set(deliveries(users).map(({ messageId }) => messageId));
    const handedOff = (): boolean[] =>
      users.events.flatMap((event) => (event.event === 'message.added' ? [event.handedOff] : []));
    const before = handedOff().length;
    for (let i = 0; i < 40; i++) {
      await users.add(OrderRequested, {});
      await harness.advance(50);
    }
    expect(new Set(handedOff().slice(before))).toEqual(new Set([false]));
    await harness.drain();
    const order = [...completedAt.keys()].map((id) => old.has(id));
    expect(order.lastIndexOf(true)).toBe(99);

    await harness.advance('1s');
    await add(users, OrderRequested, 1);
    expect(handedOff().at(-1)).toBe(true);
  });
});
