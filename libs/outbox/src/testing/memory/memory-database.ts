import type { Clock } from '../../ports/clock';
import { MemoryTable } from './memory-table';
import { MemoryTransaction, type Moment } from './memory-transaction';

export type { Moment } from './memory-transaction';

/** Called at every moment of every transaction of a client. May take its time, and may throw. */
export type Interference = (moment: Moment) => Promise<void> | void;

/**
 * A database in memory with real transactions, for tests and for simulation: row locks, waiting, `skip locked`, unique
 * keys, rollback, read committed, a clock of its own. It takes time only from the clock it is given.
 */
export class MemoryDatabase {
  // Each table knows its own type of row; this map cannot.
  private readonly tables = new Map<string, unknown>();
  private startsAt: number;
  private serial = 0;

  /** @param startsAt the wall-clock time when `clock` stands at zero, in milliseconds since 1970 */
  constructor(
    readonly clock: Clock,
    startsAt = Date.UTC(2026, 0, 1),
  ) {
    this.startsAt = startsAt;
  }

  /** What time it is here, in whole milliseconds since 1970. */
  now(): number {
    return Math.floor(this.startsAt + this.clock.monotonic());
  }

  /** As a sequence: larger than all before, and never given back. */
  nextSerial(): number {
    return ++this.serial;
  }

  /** Sets the wall clock forward, or back. */
  moveNow(byMs: number): void {
    this.startsAt += byMs;
  }

  /** A process's way in, as a connection pool is. */
  connect(interference?: Interference): MemoryClient {
    return new MemoryClient(this, interference);
  }

  /** The committed rows of a table, to look at from outside. */
  rows<Row extends object>(table: string): Row[] {
    const found = this.tables.get(table) as MemoryTable<Row> | undefined;
    return found ? [...found.entries(undefined)].map(([, row]) => row) : [];
  }

  /** A table, made on first use. @param check the CHECK constraints, given by whoever uses it first */
  table<Row extends object>(name: string, check?: (row: Row) => void): MemoryTable<Row> {
    let table = this.tables.get(name) as MemoryTable<Row> | undefined;
    if (!table) {
      table = new MemoryTable<Row>(name, this.clock, check);
      this.tables.set(name, table);
    }
    return table;
  }
}

/** One process's connections to a database. Faults and death strike here, never at the database. */
export class MemoryClient {
  private readonly open = new Set<MemoryTransaction>();
  private dead = false;

  constructor(
    readonly database: MemoryDatabase,
    private readonly interference: Interference = () => undefined,
  ) {}

  async begin(): Promise<MemoryTransaction> {
    await this.interfere('begin');
    const transaction = new MemoryTransaction(this);
    this.open.add(transaction);
    return transaction;
  }

  /** Runs the work in a transaction of its own: it commits before this resolves. */
  async transaction<T>(work: (transaction: MemoryTransaction) => Promise<T>): Promise<T> {
    const transaction = await this.begin();
    try {
      const result = await work(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  /** One statement, in a transaction of its own. */
  alone<T>(statement: (transaction: MemoryTransaction) => T | Promise<T>): Promise<T> {
    return this.transaction((transaction) => transaction.statement(() => statement(transaction)));
  }

  /** The process dies: what it had open is rolled back, and none of its calls is ever answered. */
  kill(): void {
    this.dead = true;
    for (const transaction of this.open) transaction.abandon();
  }

  async interfere(moment: Moment): Promise<void> {
    if (!this.dead) await this.interference(moment);
    if (this.dead) await new Promise<never>(() => undefined);
  }

  forget(transaction: MemoryTransaction): void {
    this.open.delete(transaction);
  }
}
