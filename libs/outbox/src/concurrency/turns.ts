import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import { keyText } from '../message/envelope';
import { errorText } from '../message/receipt';
import type { Clock } from '../ports/clock';
import type { HandOff } from '../ports/hand-off';
import type { Monitor } from '../ports/monitor';
import type { OutboxStore, TurnLease } from '../ports/store';
import { Coalescer } from './coalescer';

const MAX_BATCH = 500;

/**
 * Lets the next of a key go when the one before is final, and committed. The statement that makes it final may take the next one with
 * it; but it does not see whoever is being recorded or claimed meanwhile. Those look after their own commit, and so does who
 * has taken nobody; so of the two one sees the other.
 *
 * What is taken is sent at once, from memory, as what is handed off: if this process dies before, its lease runs out. If it
 * dies before it looks, the next one looks by itself a little later (`TURN_MS`).
 */
export class Turns {
  private readonly coalescer: Coalescer<DeliveryKey, void>;
  /** Here the caller's work ends, and the library's begins. */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();
  /** Nothing is asked of the database for turns where nothing was ever seen that is in order. */
  private wanted = false;

  constructor(
    store: Pick<OutboxStore, 'nextTurn'>,
    private readonly handOff: HandOff,
    private readonly giveUpAfterMs: number,
    clock: Clock,
    private readonly monitor: Monitor,
  ) {
    const flush = async (keys: DeliveryKey[]): Promise<void[]> => {
      const look = (lease?: TurnLease) => store.nextTurn(keys, lease);
      const { due } = await this.taking(keys.length, look, ({ taken }) => taken);
      if (due > 0) this.handOff.wake();
      return keys.map(() => undefined);
    };
    this.coalescer = new Coalescer(clock, flush, { maxBatch: MAX_BATCH, lingerMs: 0 });
  }

  /** To be called after the commit. Never rejects. */
  async next({ messageId, consumer }: DeliveryKey): Promise<void> {
    const key = { messageId, consumer };
    this.wanted = true;
    try {
      await this.inOwnContext(() => this.coalescer.add(keyText(key), key));
    } catch (error) {
      this.monitor.record({ event: 'relay.failed', step: 'turn', error: errorText(error) });
    }
  }

  /** Runs a statement that may take so many as are next, if they can be sent from here, and sends what it has taken. */
  async taking<Result>(
    count: number,
    statement: (lease: TurnLease | undefined) => Promise<Result>,
    taken: (result: Result) => readonly ClaimedDelivery[],
  ): Promise<Result> {
    const slot = this.wanted ? this.handOff.reserve(count) : undefined;
    if (!slot) return statement(undefined);
    const { leaseToken, leaseMs } = slot;
    try {
      const result = await statement({ leaseToken, leaseMs, giveUpAfterMs: this.giveUpAfterMs });
      slot.hand(taken(result));
      return result;
    } finally {
      slot.release();
    }
  }

  /** Resolves when nobody is left to be looked for. */
  drain(): Promise<void> {
    return this.coalescer.drain();
  }
}
