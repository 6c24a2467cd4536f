import type { Clock } from '../../ports/clock';
import { MemoryDatabaseError } from './memory-database-error';

/** What a slot needs to know about a transaction. */
export interface LockOwner {
  /** In the order they were locked. */
  readonly held: Slot[];
  waitsFor: Slot | undefined;
  /** Called before a write, with what takes it back. */
  noteUndo(undo: () => void): void;
}

/** The table a slot is in. */
export interface SlotTable<Row> {
  readonly name: string;
  /** Told of every row that a commit has changed. */
  committed(change: RowChange<Row>): void;
  /** Nothing is left to remember under this key. */
  emptied(key: string): void;
}

/** A committed change of one row; undefined where there is none. */
export interface RowChange<Row> {
  readonly key: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/** How long to wait for a row that somebody else holds. */
export type Patience = 'skip' | { readonly timeoutMs?: number };

interface Waiter {
  readonly owner: LockOwner;
  grant(): void;
  giveUp(): void;
}

/**
 * One key of a table: the committed row, the version its writer has not committed yet, and the queue at its lock.
 *
 * The lock belongs to the key, not to the row, so a second insert of a key waits for the first to commit or roll back.
 * That is how PostgreSQL's unique indexes behave, and what an inbox is built on.
 */
export class Slot<Row = unknown> {
  private committed: Row | undefined;
  private written: { readonly row: Row | undefined } | undefined;
  private holder: LockOwner | undefined;
  private readonly waiting: Waiter[] = [];

  constructor(
    private readonly table: SlotTable<Row>,
    private readonly key: string,
    private readonly clock: Clock,
  ) {}

  private get name(): string {
    return `${this.table.name}[${this.key}]`;
  }

  /** The row as this transaction sees it (read committed); without one, the committed row. */
  seenBy(owner: LockOwner | undefined): Row | undefined {
    return owner !== undefined && owner === this.holder && this.written ? this.written.row : this.committed;
  }

  /**
   * Locks the key until the transaction ends. Waiters are served first come, first served.
   * @returns false if somebody else holds it and the patience is `skip`
   * @throws MemoryDatabaseError 55P03 after the time-out, 40P01 if waiting could never end
   */
  async lock(owner: LockOwner, patience: Patience): Promise<boolean> {
    if (this.tryLock(owner)) return true;
    if (patience === 'skip') return false;
    this.refuseDeadlock(owner);
    await this.wait(owner, patience.timeoutMs);
    // Its process may have died after the lock was granted and before this line ran: then nothing may follow.
    if (this.holder !== owner) await new Promise<never>(() => undefined);
    return true;
  }

  tryLock(owner: LockOwner): boolean {
    if (this.holder === undefined) this.take(owner);
    return this.holder === owner;
  }

  /** The owner must hold the lock. */
  write(owner: LockOwner, row: Row | undefined): void {
    if (this.holder !== owner) throw new Error(`${this.name} is written without its lock`);
    const before = this.written;
    owner.noteUndo(() => (this.written = before));
    this.written = { row };
  }

  /** Makes what was written (and not undone) visible to all, and lets the next one in. */
  commit(): void {
    if (this.written) {
      const change = { key: this.key, before: this.committed, after: this.written.row };
      this.committed = change.after;
      this.table.committed(change);
    }
    this.release();
  }

  release(): void {
    this.written = undefined;
    this.holder = undefined;
    this.waiting.shift()?.grant();
    if (this.holder === undefined && this.committed === undefined) this.table.emptied(this.key);
  }

  /** The owner does not want this lock any more: its process died. */
  forget(owner: LockOwner): void {
    this.waiting.find((waiter) => waiter.owner === owner)?.giveUp();
  }

  private take(owner: LockOwner): void {
    this.holder = owner;
    owner.held.push(this);
  }

  private wait(owner: LockOwner, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancelTimer?.();
        owner.waitsFor = undefined;
      };
      const giveUp = (): void => {
        leave();
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
      };
      const waiter: Waiter = {
        owner,
        giveUp,
        grant: () => {
          leave();
          this.take(owner);
          resolve();
        },
      };
      const timedOut = (): void => {
        giveUp();
        reject(new MemoryDatabaseError('55P03', `${this.name} was locked for longer than ${timeoutMs} ms`));
      };
      const cancelTimer = timeoutMs === undefined ? undefined : this.clock.schedule(timeoutMs, timedOut);
      this.waiting.push(waiter);
      owner.waitsFor = this;
    });
  }

  /** PostgreSQL looks for a cycle after a second; nobody gains by waiting for it. */
  private refuseDeadlock(owner: LockOwner): void {
    for (let holder = this.holder; holder; holder = holder.waitsFor?.holder) {
      if (holder === owner) throw new MemoryDatabaseError('40P01', `deadlock detected at ${this.name}`);
    }
  }
}
