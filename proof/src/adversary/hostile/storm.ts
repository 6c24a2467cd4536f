import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '@tallystick/outbox/testing';
import type { Recorded, Rig } from '../../rig';
import { type Hostile, HostileEnvelopes, isRefused, type Known, storedId, type Way } from './envelopes';

/** How an adversary gets its envelopes to the services. */
export interface Sender {
  readonly ways: readonly Way[];
  /** What its reader will read. @throws Error if it cannot be sent */
  asItArrives(hostile: Hostile): Hostile;
  /** @returns how many bytes that was */
  send(hostile: Hostile): number;
  /** Resolves when the services have read all of it. */
  arrived(): Promise<void>;
  /** How many envelopes a service has put into its quarantine; undefined if the transport has none. */
  readonly putAside: ((service: string) => Promise<number>) | undefined;
  /** What was answered otherwise than it should have been. */
  readonly problems: readonly string[];
}

/** What was sent, and how it was to be dealt with. */
export interface Storm {
  /** Of each service: envelopes that are none, or not from whom they claim to be. */
  readonly hostile: Readonly<Record<string, number>>;
  /** Changed or signed in a way that matters to nobody: read like any other. */
  readonly good: number;
  readonly bytes: number;
  /** What good ones may leave behind. */
  readonly storable: ReadonlySet<string>;
}

/** Envelopes per second: a flood would only measure how long a queue is. */
export const ENVELOPES_PER_SECOND = 300;
export const PURCHASES_PER_SECOND = 10;
const TICK_MS = 50;
const MAX_TRIES = 1_000;
const AMOUNT = 100;

/** Buys at a steady pace. What it has bought, adversaries know. */
export class Customers {
  readonly bought: Known[] = [];

  private constructor(
    private readonly rig: Rig,
    private readonly accountId: string,
  ) {}

  static async of(rig: Rig): Promise<Customers> {
    return new Customers(rig, await rig.openAccount(1_000_000_000));
  }

  /** @returns the messages of so many purchases, when all are recorded */
  async buy(count: number): Promise<string[]> {
    const orders: Promise<Recorded>[] = [];
    const began = performance.now();
    while (orders.length < count) {
      const order = this.rig.record({ accountId: this.accountId, amount: AMOUNT });
      orders.push(order);
      order.then(
        (recorded) => this.bought.push({ ...recorded, accountId: this.accountId, amount: AMOUNT }),
        () => {}, // whoever waits for all of them is told
      );
      await sleep(Math.max(0, began + (orders.length * 1_000) / PURCHASES_PER_SECOND - performance.now()));
    }
    return (await Promise.all(orders)).map(({ messageId }) => messageId);
  }
}

/** Sends so many hostile envelopes, at a steady pace. */
export async function storm(
  sender: Sender,
  { bought }: Customers,
  { envelopes, seed, onProgress }: { envelopes: number; seed: number; onProgress?: (line: string) => void },
): Promise<Storm> {
  const made = new HostileEnvelopes(seed, sender.ways, (random: SeededRandom) => random.pick(bought));
  const hostile: Record<string, number> = {};
  const storable = new Set<string>();
  const began = performance.now();
  let [sent, good, bytes] = [0, 0, 0];
  while (sent < envelopes) {
    const due = Math.min(envelopes, ((performance.now() - began) * ENVELOPES_PER_SECOND) / 1_000);
    while (sent < due) {
      const envelope = next();
      bytes += sender.send(envelope);
      if (isRefused(envelope)) {
        hostile[envelope.way.service] = (hostile[envelope.way.service] ?? 0) + 1;
        if (++sent % 5_000 === 0) onProgress?.(`${sent} of ${envelopes} hostile envelopes`);
      } else {
        good++;
        storable.add(storedId(envelope));
      }
    }
    await sleep(TICK_MS);
  }
  await sender.arrived();
  return { hostile, good, bytes, storable };

  function next(): Hostile {
    for (let tries = 1; ; tries++) {
      try {
        const envelope = sender.asItArrives(made.next());
        // A true copy would be no attack, and a true cancel no fault of whoever obeys it.
        if (!envelope.aboutKnown || isRefused(envelope)) return envelope;
      } catch (error) {
        if (tries === MAX_TRIES) throw error; // now and then one comes out that no client could send
      }
    }
  }
}
