import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import { keyText } from '../message/envelope';
import { errorText } from '../message/receipt';
import { orderKeyOf } from '../message/start';
import type { Clock } from '../ports/clock';
import type { HandOff } from '../ports/hand-off';
import type { Monitor } from '../ports/monitor';
import type { NewMessage, OutboxStore, TurnLease } from '../ports/store';
import { Coalescer } from './coalescer';
import { PutOffLooks } from './put-off-looks';

const MAX_BATCH = 500;
/** A look that failed, or found whom it wanted locked, is repeated after so long; then the row's own clock has to do it. */
const PAUSES_MS = [25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800];

type Look = DeliveryKey & { readonly tries: number };

/**
 * Lets the next of a key go when the one before is final, and committed. The statement that makes it final may take the next one with
 * it; but it does not see whoever is being recorded or claimed meanwhile. Those look after their own commit, and so does who
 * has taken nobody; so of the two one sees the other.
 *
 * What is taken is sent at once, from memory, as what is handed off: if this process dies before, its lease runs out. If it
 * dies before it looks, the receipt comes again, and with it a look; else the next one looks by itself a little later (`TURN_MS`).
 */
export class Turns {
  private readonly coalescer: Coalescer<Look, void>;
  private readonly putOffLooks: PutOffLooks;
  /** Ends the pauses after which somebody looks again. */
  private readonly pausing = new Set<() => void>();
  private draining = false;
  /** Here the caller's work ends, and the library's begins. */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();
  /** Nothing is asked of the database for turns where nothing was ever seen that is in order. */
  private wanted = false;

  constructor(
    store: Pick<OutboxStore, 'nextTurn'>,
    private readonly handOff: HandOff,
    private readonly giveUpAfterMs: number,
    private readonly clock: Clock,
    monitor: Monitor,
  ) {
    const flush = async (looks: Look[]): Promise<void[]> => {
      const look = (lease?: TurnLease) => store.nextTurn(looks, lease);
      try {
        const { due, held } = await this.taking(looks.length, look, ({ taken }) => taken);
        if (due > 0) this.handOff.wake();
        const tries = new Map(looks.map((each) => [keyText(each), each.tries]));
        for (const key of held) this.again(key, tries.get(keyText(key)) ?? 0);
      } catch (error) {
        monitor.record({ event: 'relay.failed', step: 'turn', error: errorText(error) });
        for (const each of looks) this.again(each, each.tries);
      }
      return looks.map(() => undefined);
    };
    this.coalescer = new Coalescer(clock, flush, { maxBatch: MAX_BATCH, lingerMs: 0 });
    this.putOffLooks = new PutOffLooks(clock, (key) => void this.next(key));
  }

  /** To be called after the commit. Never rejects; whoever dies before it resolves has not looked. */
  next(key: DeliveryKey): Promise<void> {
    this.wanted = true;
    this.putOffLooks.ended(key);
    return this.perhapsNext(key);
  }

  /** To be called after the commit that recorded them. */
  recorded(messages: readonly NewMessage[]): void {
    for (const message of messages)
      for (const { consumer } of message.deliveries) {
        const key = { messageId: message.id, consumer };
        if (!this.putOffLooks.putOff(key, lineOf(message, consumer))) void this.next(key);
      }
  }

  /** The same as `next` where nobody knows whether it is in order. */
  perhapsNext(key: DeliveryKey): Promise<void> {
    return this.inOwnContext(() => this.look(key, 0));
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
    const began = this.clock.monotonic();
    try {
      const result = await statement({ leaseToken, leaseMs, giveUpAfterMs: this.giveUpAfterMs });
      const deliveries = taken(result);
      slot.hand(deliveries);
      for (const delivery of deliveries)
        this.putOffLooks.taken(delivery, lineOf(delivery.message, delivery.consumer), began);
      return result;
    } finally {
      slot.release();
    }
  }

  /** Resolves when nobody is left to be looked for at once; what would be looked for again is left to others. */
  drain(): Promise<void> {
    this.draining = true;
    for (const end of this.pausing) end();
    this.pausing.clear();
    this.putOffLooks.drain();
    return this.coalescer.drain();
  }

  private look({ messageId, consumer }: DeliveryKey, tries: number): Promise<void> {
    const key = { messageId, consumer };
    return this.coalescer.add(keyText(key), { ...key, tries });
  }

  private again(key: DeliveryKey, tries: number): void {
    const pauseMs = PAUSES_MS[tries];
    if (pauseMs === undefined || this.draining) return;
    const end = this.clock.schedule(pauseMs, () => {
      this.pausing.delete(end);
      void this.look(key, tries + 1);
    });
    this.pausing.add(end);
  }
}

/** Who is in order with each other: what one service records for one consumer with one key. */
function lineOf(message: Pick<NewMessage, 'source' | 'key'>, consumer: string): string {
  return `${consumer} ${orderKeyOf(message)}`;
}
