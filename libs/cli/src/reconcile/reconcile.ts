import type { ReadOnlyDatabase } from '../database';
import type { Asked, Clock } from '../database/questions';
import { type Bucket, differingRanges, idBefore, type IdRange, LAST_ID, MINUTE_MS } from './buckets';
import { compare, type ConsumerHalf, type Difference, type ProducerHalf } from './compare';

/** One end of the tally: a database, and who writes there. */
export interface Side extends ReadOnlyDatabase {
  readonly name: string;
}

export interface ReconcileSettings {
  /** How far back. No further than both sides keep what they have. */
  readonly sinceMs: number;
  /** What was decided more recently than this may still be on its way back. */
  readonly graceMs: number;
  readonly stop: AbortSignal;
  onDifference(difference: Difference): void;
  /** How many deliveries and inbox rows were summed up so far. */
  onProgress(producer: number, consumer: number): void;
}

export interface Compared {
  readonly producer: number;
  readonly consumer: number;
  /** Somebody stopped it: there may be more differences. */
  readonly stopped: boolean;
}

/** So many rows are summed up by a statement, and so many are read at once. */
const SEGMENT = 50_000;
const PAGE = 5_000;
const DAY_MS = 86_400_000;

/**
 * Compares what a producer was told with what a consumer decided. Both count and hash the ids of every minute, and only
 * where that differs rows are read. The producer is always read first: what it was told by then, the consumer has.
 *
 * What either may have forgotten by its retention is no difference, nor what may still be on its way. Only reads, in short
 * transactions; rows that change meanwhile are seen as they are when their turn comes.
 */
export async function reconcile(producer: Side, consumer: Side, settings: ReconcileSettings): Promise<Compared> {
  const { stop, onDifference, onProgress } = settings;
  const ends = await new Ends(producer, consumer).since(settings);
  const counted = { producer: 0, consumer: 0 };
  for await (const segment of ends.segments()) {
    if (stop.aborted) return { ...counted, stopped: true };
    const sums = await ends.sums(segment);
    counted.producer += total(sums.producer);
    counted.consumer += total(sums.consumer);
    for (const range of differingRanges(sums.producer, sums.consumer)) {
      for await (const page of ends.pages(overlap(range, segment))) {
        if (stop.aborted) return { ...counted, stopped: true };
        for (const difference of compare(page.producer, page.consumer)) onDifference(difference);
      }
    }
    onProgress(counted.producer, counted.consumer);
  }
  return { ...counted, stopped: false };
}

/** A minute may lie in two segments. */
function overlap(one: IdRange, other: IdRange): IdRange {
  return {
    after: one.after > other.after ? one.after : other.after,
    upTo: one.upTo < other.upTo ? one.upTo : other.upTo,
  };
}

const total = (buckets: readonly Bucket[]): number => buckets.reduce((sum, { count }) => sum + count, 0);

/** Both databases, asked the same things. */
class Ends {
  private lower = 0;
  private upper = 0;
  private times: Record<'producer' | 'consumer' | 'due', string> = { producer: '', consumer: '', due: '' };
  private handled: readonly string[] = [];

  constructor(
    private readonly producer: Side,
    private readonly consumer: Side,
  ) {}

  /** Each side counts back from its own clock; ids from the producer's. */
  async since({ sinceMs, graceMs }: Pick<ReconcileSettings, 'sinceMs' | 'graceMs'>): Promise<this> {
    const [sent, decided] = await Promise.all([
      clockOf(this.producer, { sinceMs, graceMs }),
      clockOf(this.consumer, { sinceMs, graceMs }),
    ]);
    this.lower = Math.floor((sent.now - sinceMs) / MINUTE_MS) * MINUTE_MS;
    this.upper = sent.now + DAY_MS;
    this.times = { producer: sent.since, consumer: decided.since, due: decided.due };
    const { ask, questions } = this.consumer;
    const handled = await ask(questions.handled(this.consumer.name));
    this.handled = handled.map(({ type }) => type);
    return this;
  }

  /** All ids there may be, in pieces of which neither side has too many. */
  async *segments(): AsyncGenerator<IdRange> {
    const timed = !(await this.hasUntimed());
    const last = timed ? idBefore(this.upper) : LAST_ID;
    let after = timed ? idBefore(this.lower) : idBefore(0);
    while (after < last) {
      const range = { after, upTo: last };
      const nth = await Promise.all([
        this.producer.ask(this.producer.questions.producer.nth(range, SEGMENT)),
        this.consumer.ask(this.consumer.questions.consumer.nth(range, SEGMENT, this.consumer.name)),
      ]);
      const upTo = nth.flatMap(([row]) => row?.id ?? []).sort()[0] ?? last;
      yield { after, upTo };
      after = upTo;
    }
  }

  /** Ids that do not begin with the time can be anywhere. */
  private async hasUntimed(): Promise<boolean> {
    const above = idBefore(this.upper);
    const found = await Promise.all([
      this.producer.ask(this.producer.questions.producer.untimed(above)),
      this.consumer.ask(this.consumer.questions.consumer.untimed(above, this.consumer.name)),
    ]);
    return found.some(([row]) => row!.found);
  }

  async sums(range: IdRange): Promise<{ producer: Bucket[]; consumer: Bucket[] }> {
    const [producer, consumer] = await Promise.all([
      this.producer.ask(this.producer.questions.producer.sums(this.asked(range, this.times.producer), this.handled)),
      this.consumer.ask(this.consumer.questions.consumer.sums(this.asked(range, this.times.consumer))),
    ]);
    return { producer, consumer };
  }

  /** The rows of both sides, page by page up to the same id. */
  async *pages({ after, upTo }: IdRange): AsyncGenerator<{ producer: ProducerHalf[]; consumer: ConsumerHalf[] }> {
    for (let from = after; from < upTo;) {
      const range = { after: from, upTo };
      const producer = await this.producer.ask(
        this.producer.questions.producer.halves(this.asked(range, this.times.producer), PAGE),
      );
      const consumer = await this.consumer.ask(
        this.consumer.questions.consumer.halves(this.asked(range, this.times.consumer), PAGE, this.times.due),
      );
      const ends = [producer, consumer].flatMap((page) => (page.length < PAGE ? [] : page.at(-1)!.id));
      const end = ends.sort()[0] ?? upTo;
      yield { producer: producer.filter(({ id }) => id <= end), consumer: consumer.filter(({ id }) => id <= end) };
      from = end;
    }
  }

  private asked({ after, upTo }: IdRange, since: string): Asked {
    const names = { producer: this.producer.name, consumer: this.consumer.name };
    return { lower: idBefore(this.lower), since, after, upTo, ...names };
  }
}

async function clockOf({ ask, questions }: Side, ago: { sinceMs: number; graceMs: number }): Promise<Clock> {
  return (await ask(questions.clock(ago)))[0]!;
}
