import { Coalescer } from '../concurrency/coalescer';
import type { ClaimedDelivery, DeliveryKey, Mark } from '../message/delivery';
import { keyText } from '../message/envelope';
import type { Clock } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { MarkRow, OutboxStore } from '../ports/store';
import type { PendingMarks } from '../ports/verdicts';

/**
 * How long a lone mark waits for company. Long enough that the receipt of a healthy consumer usually comes first, which
 * saves the mark; far shorter than any lease.
 */
const LINGER_MS = 25;
/**
 * So many do not wait for company: a statement is cheap enough per row by then, and while a backlog drains it is these
 * marks that the window waits for. Less than half of what one consumer may have in flight, so that one batch is written
 * while the next is published.
 */
const MAX_BATCH = 200;

/**
 * A batch skips rows that others hold: a claim of another relay that finds they are ours, for as long as it takes to commit. Tried
 * again after so long; then its lease has to run out. An application's own transaction may hold one longer than that.
 */
const PAUSES_MS = [0, 25, 50, 100, 200, 400, 800, 1_600];

type Tried = MarkRow & { readonly tries: number };

/**
 * Writes the outcomes of attempts, batched. `write` resolves when the row is written, when the store found that it no
 * longer is ours to write (R1: silent), or when its receipt made it needless.
 */
export class Marks implements PendingMarks {
  private readonly coalescer: Coalescer<Tried, void>;
  /** Ends of the pauses after which what was skipped is tried again. */
  private readonly pausing = new Set<Promise<void>>();

  constructor(
    store: OutboxStore,
    private readonly clock: Clock,
    monitor: Monitor,
  ) {
    const flush = async (marks: Tried[]): Promise<(void | Promise<void>)[]> => {
      monitor.record({ event: 'relay.batch', step: 'mark', rows: marks.length });
      const held = new Set((await store.mark(marks)).held.map(keyText));
      return marks.map((mark) => (held.has(keyText(mark)) ? this.again(mark) : undefined));
    };
    this.coalescer = new Coalescer(clock, flush, { maxBatch: MAX_BATCH, lingerMs: LINGER_MS });
  }

  write(delivery: ClaimedDelivery, mark: Mark): Promise<void> {
    const { messageId, consumer, leaseToken } = delivery;
    const key = keyText(delivery);
    // A row has one lease at a time. If an older attempt's mark still waits, its lease ran out: the newer one counts.
    const waiting = this.coalescer.peek(key);
    if (waiting && waiting.leaseToken !== leaseToken) this.coalescer.withdraw(key, undefined);
    return this.coalescer.add(key, { messageId, consumer, leaseToken, mark, tries: 1 });
  }

  skip(delivery: DeliveryKey): Promise<void> | undefined {
    const key = keyText(delivery);
    if (this.coalescer.peek(key)?.mark.kind === 'sent') this.coalescer.withdraw(key, undefined);
    return this.coalescer.writing(key);
  }

  async drain(): Promise<void> {
    for (;;) {
      await this.coalescer.drain();
      if (this.pausing.size === 0) return;
      await Promise.all(this.pausing);
    }
  }

  /** Unmarked it would wait for its lease to run out, and be sent again. */
  private again({ tries, ...mark }: Tried): Promise<void> | undefined {
    const pauseMs = PAUSES_MS[tries - 1];
    if (pauseMs === undefined) return undefined;
    const add = (): Promise<void> => this.coalescer.add(keyText(mark), { ...mark, tries: tries + 1 });
    if (pauseMs === 0) return add();
    let written: Promise<void> | undefined;
    const added = new Promise<void>((resolve) => this.clock.schedule(pauseMs, resolve)).then(() => {
      this.pausing.delete(added);
      written = add();
    });
    this.pausing.add(added);
    return added.then(() => written);
  }
}
