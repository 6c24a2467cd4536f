import { setTimeout as sleep } from 'node:timers/promises';
import type { Recorded, Rig, RigProcess } from '../rig';
import type { Order } from './orders';
import type { Pace } from './schedule';
import { PRODUCERS_TAKING_ORDERS } from './stage';

/** So many that purchases seldom wait for each other: whoever is paused in a transaction holds its account. */
const ACCOUNTS = 64;
const BALANCE = 1_000_000_000;
const BUYERS_PER_PRODUCER = 4;
const PATIENCE_MS = 30_000;
const PAUSE_MS = 200;

/** Place the orders at whichever producer answers, again until it is acknowledged. */
export class Buyers {
  /** Purchases whose recording was acknowledged. There may be more: an answer can be lost. */
  readonly acknowledged: string[] = [];
  /** Calls that failed. What they did, if anything, is for the oracles to find. */
  failures = 0;
  private accounts: string[] = [];
  private orders = 0;
  private readonly cancels: Promise<unknown>[] = [];

  constructor(
    private readonly rig: Rig,
    private readonly deck: Order[],
    private readonly pace: Pick<Pace, 'mayRecord' | 'noteRecorded'>,
    private readonly wait: { until(condition: () => boolean): Promise<void>; readonly aborted: boolean },
  ) {}

  async openAccounts(): Promise<void> {
    this.accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => this.rig.openAccount(BALANCE)));
  }

  async buyEverything(): Promise<void> {
    const producers = this.rig.producers.slice(0, PRODUCERS_TAKING_ORDERS);
    const buyers = producers.flatMap((producer) => Array.from({ length: BUYERS_PER_PRODUCER }, () => producer));
    await Promise.all(buyers.map((producer) => this.buy(producer)));
    await Promise.all(this.cancels);
  }

  private async buy(producer: RigProcess): Promise<void> {
    for (let order = this.deck.pop(); order; order = this.deck.pop()) {
      await this.wait.until(() => this.pace.mayRecord());
      while (!(await this.place(order, producer)) && !this.wait.aborted) await sleep(PAUSE_MS);
      this.pace.noteRecorded(order.count);
    }
  }

  private async place({ cancel, ...order }: Order, producer: RigProcess): Promise<boolean> {
    const accountId = this.accounts[this.orders++ % ACCOUNTS]!;
    try {
      const recorded = await producer.send<Recorded[]>('POST', 'purchases', { ...order, accountId }, PATIENCE_MS);
      for (const { purchaseId, messageId } of recorded) {
        this.acknowledged.push(purchaseId);
        if (cancel) this.cancels.push(this.changeMind(messageId, producer));
      }
      return true;
    } catch {
      this.failures++;
      return false;
    }
  }

  /** Tried once: whether it gets through, and in time, changes the verdict and nothing else. */
  private changeMind(messageId: string, producer: RigProcess): Promise<unknown> {
    return producer.send('POST', `messages/${messageId}/cancel`, {}, PATIENCE_MS).catch(() => undefined);
  }
}
