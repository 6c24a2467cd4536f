import type { OutboxTables } from '@tallystick/outbox';
import type { ReadOnlyDatabase } from '../read-only';
import { type Bucket, differingRanges, idBefore, type IdRange, LAST_ID, MINUTE_MS } from './buckets';
import { compare, type ConsumerHalf, type Difference, type ProducerHalf } from './compare';
import { consumerSql, producerSql } from './statements';

/** One end of the tally: a database, where its tables are, and who writes there. */
export interface Side {
  readonly database: ReadOnlyDatabase;
  readonly tables: OutboxTables;
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
  private readonly producerSql = producerSql(this.producer.tables);
  private readonly consumerSql = consumerSql(this.consumer.tables);
  private lower = 0;
  private upper = 0;
  private times = { producer: '', consumer: '', due: '' };
  private handled: readonly string[] = [];

  constructor(
    private readonly producer: Side,
    private readonly consumer: Side,
  ) {}

  /** Each side counts back from its own clock; ids from the producer's. */
  async since({ sinceMs, graceMs }: Pick<ReconcileSettings, 'sinceMs' | 'graceMs'>): Promise<this> {
    const [sent, decided] = await Promise.all([
      this.producer.database.rows<{ now: number; since: string }>(CLOCK, [sinceMs, 0]),
      this.consumer.database.rows<{ now: number; since: string; due: string }>(CLOCK, [sinceMs, graceMs]),
    ]);
    this.lower = Math.floor((sent[0]!.now - sinceMs) / MINUTE_MS) * MINUTE_MS;
    this.upper = sent[0]!.now + DAY_MS;
    this.times = { producer: sent[0]!.since, consumer: decided[0]!.since, due: decided[0]!.due };
    const handled = await this.consumer.database.rows<{ type: string }>(this.consumerSql.handled, [this.consumer.name]);
    this.handled = handled.map(({ type }) => type);
    return this;
  }

  /** All ids there may be, in pieces of which neither side has too many. */
  async *segments(): AsyncGenerator<IdRange> {
    const timed = !(await this.hasUntimed());
    const last = timed ? idBefore(this.upper) : LAST_ID;
    let after = timed ? idBefore(this.lower) : idBefore(0);
    while (after < last) {
      const nth = await Promise.all([
        this.producer.database.rows<{ id: string }>(this.producerSql.nth, [after, last, SEGMENT]),
        this.consumer.database.rows<{ id: string }>(this.consumerSql.nth, [after, last, SEGMENT, this.consumer.name]),
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
      this.producer.database.rows<{ found: boolean }>(this.producerSql.untimed, [above]),
      this.consumer.database.rows<{ found: boolean }>(this.consumerSql.untimed, [above, this.consumer.name]),
    ]);
    return found.some(([row]) => row!.found);
  }

  async sums(range: IdRange): Promise<{ producer: Bucket[]; consumer: Bucket[] }> {
    const [producer, consumer] = await Promise.all([
      this.producer.database.rows<Bucket>(this.producerSql.sums, [
        ...this.asked(range, this.times.producer),
        this.handled,
      ]),
      this.consumer.database.rows<Bucket>(this.consumerSql.sums, this.asked(range, this.times.consumer)),
    ]);
    return { producer, consumer };
  }

  /** The rows of both sides, page by page up to the same id. */
  async *pages({ after, upTo }: IdRange): AsyncGenerator<{ producer: ProducerHalf[]; consumer: ConsumerHalf[] }> {
    for (let from = after; from < upTo;) {
      const range = { after: from, upTo };
      const producer = await this.producer.database.rows<ProducerHalf>(this.producerSql.halves, [
        ...this.asked(range, this.times.producer),
        PAGE,
      ]);
      const consumer = await this.consumer.database.rows<ConsumerHalf>(this.consumerSql.halves, [
        ...this.asked(range, this.times.consumer),
        PAGE,
        this.times.due,
      ]);
      const ends = [producer, consumer].flatMap((page) => (page.length < PAGE ? [] : page.at(-1)!.id));
      const end = ends.sort()[0] ?? upTo;
      yield { producer: producer.filter(({ id }) => id <= end), consumer: consumer.filter(({ id }) => id <= end) };
      from = end;
    }
  }

  private asked({ after, upTo }: IdRange, since: string): unknown[] {
    return [idBefore(this.lower), since, after, upTo, this.producer.name, this.consumer.name];
  }
}

const CLOCK = `
select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now,
  (clock_timestamp() - $1::float8 * interval '1 ms')::text as since,
  (clock_timestamp() - $2::float8 * interval '1 ms')::text as due`;
