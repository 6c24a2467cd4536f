import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask } from '../invariants';
import type { Shop } from '../shop';
import { type Evidence, readEvidence } from './evidence';
import type { Witness } from './judgement';
import type { Side, Step, StepName } from './page';

/** A verdict should take milliseconds, and after a fault a few seconds. */
const PATIENCE_MS = 60_000;
/** Purchases that are under way to user-service at once. */
const AT_ONCE = 10;
const PRICE = 12_50;

/** What a scene needs of the world. */
export interface World {
  readonly shop: Shop;
  readonly asks: Readonly<Record<Side, Ask>>;
  /** Who was given how much, in cents. */
  readonly deposits: Map<string, number>;
  readonly signal: AbortSignal;
}

/** What one press plays with: a customer and a shelf of its own, so that the databases can be asked about nothing else. */
export class Scene {
  readonly steps: Step[] = [];
  /** What is known so far; `after` comes at the end. */
  private known: Omit<Witness, 'after'> = { asked: 0, deposited: 0, stocked: 0 };
  private customer = { userId: '', sku: '' };

  constructor(private readonly world: World) {}

  get signal(): AbortSignal {
    return this.world.signal;
  }

  tell(step: StepName, count?: number): void {
    this.steps.push({ step, ...(count !== undefined && { count }) });
  }

  note(more: Partial<Omit<Witness, 'after'>>): void {
    this.known = { ...this.known, ...more };
  }

  /** Somebody with enough money for so many pieces, and so many of them on a shelf. */
  async open(customers: { wants: number; shelf: number }): Promise<void> {
    const { shop, deposits } = this.world;
    const sku = `stick-${randomBytes(3).toString('hex')}`;
    await shop.setStock(sku, customers.shelf);
    const deposited = customers.wants * PRICE;
    const userId = await shop.createUser(`Visitor ${deposits.size + 1}`, deposited);
    deposits.set(userId, deposited);
    this.customer = { userId, sku };
    this.note({ deposited, stocked: customers.shelf });
    this.tell('opened', customers.shelf);
  }

  /** Buys one piece so many times. As a good client does, it sends again what was not answered, with the same key. */
  async buy(times: number): Promise<void> {
    let left = times;
    const client = async (): Promise<void> => {
      while (left-- > 0) await this.buyOne();
    };
    this.note({ asked: this.known.asked + times });
    await Promise.all(Array.from({ length: Math.min(times, AT_ONCE) }, client));
    this.tell('bought', times);
  }

  look(): Promise<Evidence> {
    return readEvidence(this.world.asks, this.customer);
  }

  /** Waits for something to be seen in the databases. @returns false where it took too long */
  async sees(what: (evidence: Evidence) => boolean): Promise<boolean> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!what(await this.look())) {
      if (performance.now() > deadline) return false;
      await this.wait(50);
    }
    return true;
  }

  /** Until every purchase has come to its end. What has not by then is judged as it is. */
  async settles(): Promise<void> {
    const { asked } = this.known;
    const final = ['completed', 'compensated'];
    await this.sees(
      ({ purchases }) =>
        purchases.length >= asked &&
        purchases.every(({ state, status }) => final.includes(state!) && status !== 'pending'),
    );
    this.tell('settled');
  }

  async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal });
  }

  async witness(): Promise<Witness> {
    return { ...this.known, after: await this.look() };
  }

  private async buyOne(): Promise<void> {
    const key = randomUUID();
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const { status } = await this.world.shop.buy({ ...this.customer, quantity: 1, amount: PRICE }, key);
        if (status === 202) return;
        throw new Error(`user-service answered ${status} to a purchase.`);
      } catch (error) {
        // What fetch throws: nobody knows whether the purchase was made.
        if (!isConnectionError(error) || performance.now() > deadline) throw error;
        await this.wait(200);
      }
    }
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError');
}
