import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OrderRequested, userId } from './order-requested';
import type { Producer } from './sides';

export interface Load {
  readonly tookMs: number;
  /** When each purchase was committed, by the id of its message; milliseconds since the epoch. */
  readonly committedAt: ReadonlyMap<string, number>;
}

/** Nothing completes for so long: something is broken, and a benchmark that hangs tells nobody. */
const STALLED_MS = 30_000;

export function newOrder(number: number): OrderRequested {
  return { purchaseId: randomUUID(), userId: userId(number), sku: 'tally-stick', quantity: 1, amount: 100 };
}

/** `concurrency` purchases under way at any time, of so many users, each from its debit to its completion, until `count` are completed. */
export async function closedLoop(
  producer: Producer,
  { count, concurrency, users = Infinity }: { count: number; concurrency: number; users?: number },
): Promise<Load> {
  const committedAt = new Map<string, number>();
  const began = performance.now();
  await drive(producer, count, (buy) => {
    let started = 0;
    const next = (): void => {
      if (started < count) void buy(started++ % users).then((id) => committedAt.set(id, now()));
    };
    for (let i = 0; i < concurrency; i++) next();
    return next;
  });
  return { tookMs: performance.now() - began, committedAt };
}

/** Purchases at an even rate, whether earlier ones are completed or not; resolves when all are. */
export async function openLoop(
  producer: Producer,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Load> {
  const committedAt = new Map<string, number>();
  const count = Math.max(1, Math.round(perSecond * seconds));
  const began = performance.now();
  await drive(producer, count, (buy) => {
    const arrive = async (): Promise<void> => {
      for (let started = 0; started < count;) {
        const due = Math.min(count, Math.floor(((performance.now() - began) * perSecond) / 1000) + 1);
        for (; started < due; started++) void buy(started).then((id) => committedAt.set(id, now()));
        await sleep(1);
      }
    };
    void arrive();
    return () => {};
  });
  return { tookMs: performance.now() - began, committedAt };
}

/** Somebody who sells: the first half of a {@link Producer}. */
type Seller = Pick<Producer, 'purchase'>;

/** `concurrency` clients, each buying one thing after the other, `count` together. @returns when each was committed, by id */
export async function sell(
  seller: Seller,
  { count, concurrency }: { count: number; concurrency: number },
): Promise<Map<string, number>> {
  const committedAt = new Map<string, number>();
  let started = 0;
  const client = async (): Promise<void> => {
    while (started < count) committedAt.set(await seller.purchase(newOrder(started++)), now());
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return committedAt;
}

/** Purchases at an even rate. @returns when each was committed, by id */
export async function sellAtRate(
  seller: Seller,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Map<string, number>> {
  const committedAt = new Map<string, number>();
  const began = performance.now();
  const purchases: Promise<unknown>[] = [];
  for (let number = 0; number < perSecond * seconds; number++) {
    await sleep(Math.max(0, began + (number * 1000) / perSecond - performance.now()));
    purchases.push(seller.purchase(newOrder(number)).then((id) => committedAt.set(id, now())));
  }
  await Promise.all(purchases);
  return committedAt;
}

type Buy = (number: number) => Promise<string>;

/** Resolves when `count` purchases are completed; rejects if one fails, or if nothing completes any more. */
function drive(producer: Producer, count: number, begin: (buy: Buy) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let completed = 0;
    const watchdog = setTimeout(
      () => reject(new Error(`nothing completed for ${STALLED_MS} ms, after ${completed} of ${count}`)),
      STALLED_MS,
    );
    const end = (settle: () => void): void => {
      clearTimeout(watchdog);
      producer.onCompleted = () => {};
      settle();
    };
    let next: () => void = () => {};
    producer.onCompleted = () => {
      completed += 1;
      watchdog.refresh();
      if (completed === count) end(resolve);
      else next();
    };
    next = begin((number) =>
      producer.purchase(newOrder(number)).catch((error: unknown) => {
        end(() => reject(error as Error));
        throw error;
      }),
    );
  });
}

/** Comparable with the database's clock on the same machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
