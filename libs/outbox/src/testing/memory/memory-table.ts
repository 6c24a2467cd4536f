import type { Clock } from '../../ports/clock';
import { type LockOwner, type Patience, type RowChange, Slot, type SlotTable } from './memory-slot';

export type { RowChange } from './memory-slot';

/** Rows by key. Rows are immutable: a change is a new row. Every access belongs to a statement of a transaction. */
export class MemoryTable<Row extends object> implements SlotTable<Row> {
  private readonly slots = new Map<string, Slot<Row>>();
  private readonly listeners: ((change: RowChange<Row>) => void)[] = [];

  constructor(
    readonly name: string,
    private readonly clock: Clock,
    /** The table's CHECK constraints: throws if the row breaks one. */
    private readonly check: (row: Row) => void = () => undefined,
  ) {}

  /** From now on this is told every row that a commit has changed, one by one, in the order of the commits. It must not throw. */
  onCommit(listener: (change: RowChange<Row>) => void): void {
    this.listeners.push(listener);
  }

  get(owner: LockOwner | undefined, key: string): Row | undefined {
    return this.slots.get(key)?.seenBy(owner);
  }

  /** Every row this transaction sees, by key, in no order. */
  *entries(owner: LockOwner | undefined): Iterable<[string, Row]> {
    for (const [key, slot] of this.slots) {
      const row = slot.seenBy(owner);
      if (row) yield [key, row];
    }
  }

  /**
   * `select … for update`: locks a row that is visible now, and reads it again once it is locked.
   * @returns undefined if there is none (any more), or somebody else holds it and the patience is `skip`
   */
  async lock(owner: LockOwner, key: string, patience: Patience): Promise<Row | undefined> {
    const slot = this.slots.get(key);
    if (!slot?.seenBy(owner) || !(await slot.lock(owner, patience))) return undefined;
    return slot.seenBy(owner);
  }

  /** `pg_advisory_xact_lock`: locks a key whether it has a row or not. */
  async lockKey(owner: LockOwner, key: string): Promise<void> {
    await this.slotOf(key).lock(owner, {});
  }

  /** `… for update skip locked`, within one step. */
  tryLock(owner: LockOwner, key: string): Row | undefined {
    const slot = this.slots.get(key);
    return slot?.seenBy(owner) && slot.tryLock(owner) ? slot.seenBy(owner) : undefined;
  }

  /**
   * `insert … on conflict do nothing`: waits for somebody else's uncommitted row with this key.
   * @param row made once the key is ours, so that its times are true
   * @returns false if the key exists
   */
  async insert(owner: LockOwner, key: string, row: () => Row, patience: { timeoutMs?: number } = {}): Promise<boolean> {
    const slot = this.slotOf(key);
    await slot.lock(owner, patience);
    if (slot.seenBy(owner)) return false;
    this.store(slot, owner, row());
    return true;
  }

  /** Changes a row that this transaction has locked. */
  update(owner: LockOwner, key: string, change: Partial<Row>): Row {
    const slot = this.slots.get(key)!;
    return this.store(slot, owner, { ...slot.seenBy(owner)!, ...change });
  }

  /** Deletes a row that this transaction has locked. */
  delete(owner: LockOwner, key: string): void {
    this.slots.get(key)!.write(owner, undefined);
  }

  committed(change: RowChange<Row>): void {
    for (const listener of this.listeners) listener(change);
  }

  emptied(key: string): void {
    this.slots.delete(key);
  }

  private store(slot: Slot<Row>, owner: LockOwner, row: Row): Row {
    this.check(row);
    slot.write(owner, Object.freeze(row));
    return row;
  }

  private slotOf(key: string): Slot<Row> {
    let slot = this.slots.get(key);
    if (!slot) {
      slot = new Slot<Row>(this, key, this.clock);
      this.slots.set(key, slot);
    }
    return slot;
  }
}
