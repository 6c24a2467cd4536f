import type { DeliveryKey } from '../message/delivery';
import { keyText } from '../message/envelope';
import { errorText } from '../message/receipt';
import type { Clock } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { OutboxStore } from '../ports/store';
import { Coalescer } from './coalescer';

const MAX_BATCH = 500;

/**
 * Lets the next of a key go when the one before is final, and committed: a statement that looked earlier would not see whoever is
 * being recorded or claimed meanwhile. Those look after their own commit; so of the two one sees the other.
 *
 * If this process dies in between, the next one looks by itself a little later (`TURN_MS`).
 */
export class Turns {
  private readonly coalescer: Coalescer<DeliveryKey, void>;

  constructor(
    store: Pick<OutboxStore, 'nextTurn'>,
    clock: Clock,
    private readonly monitor: Monitor,
    /** Something is due. */
    wake: () => void,
  ) {
    const flush = async (finals: DeliveryKey[]): Promise<void[]> => {
      if ((await store.nextTurn(finals)) > 0) wake();
      return finals.map(() => undefined);
    };
    this.coalescer = new Coalescer(clock, flush, { maxBatch: MAX_BATCH, lingerMs: 0 });
  }

  /** Never rejects. */
  async next({ messageId, consumer }: DeliveryKey): Promise<void> {
    const final = { messageId, consumer };
    try {
      await this.coalescer.add(keyText(final), final);
    } catch (error) {
      this.monitor.record({ event: 'relay.failed', step: 'turn', error: errorText(error) });
    }
  }
}
