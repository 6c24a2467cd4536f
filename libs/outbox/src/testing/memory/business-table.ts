import type { MemoryTable } from './memory-table';
import type { LockOwner } from './memory-slot';

/** The transaction that a table is seen by. */
interface Seeing extends LockOwner {
  statement<T>(work: () => T | Promise<T>): Promise<T>;
}

/** An application's table as one transaction sees it: business data that commits and rolls back with the messages. */
export class BusinessTable<Row extends object> {
  constructor(
    private readonly transaction: Seeing,
    private readonly table: MemoryTable<Row>,
  ) {}

  get(key: string): Promise<Row | undefined> {
    return this.transaction.statement(() => this.table.get(this.transaction, key));
  }

  all(): Promise<Row[]> {
    return this.transaction.statement(() => [...this.table.entries(this.transaction)].map(([, row]) => row));
  }

  /** Reads a row that nobody else can change before this transaction ends. Waits for whoever holds it. */
  lock(key: string): Promise<Row | undefined> {
    return this.transaction.statement(() => this.table.lock(this.transaction, key, {}));
  }

  /** @returns false if the key exists. Waits for an uncommitted row with this key. */
  insert(key: string, row: Row): Promise<boolean> {
    return this.transaction.statement(() => this.table.insert(this.transaction, key, () => ({ ...row })));
  }

  /** Inserts or overwrites. */
  put(key: string, row: Row): Promise<void> {
    return this.transaction.statement(async () => {
      const inserted = await this.table.insert(this.transaction, key, () => ({ ...row }));
      if (!inserted) this.table.update(this.transaction, key, row);
    });
  }

  /** `update … set` on the row as it is once it is locked. @returns false if there is none */
  update(key: string, change: (row: Row) => Row): Promise<boolean> {
    return this.transaction.statement(async () => {
      const row = await this.table.lock(this.transaction, key, {});
      if (row) this.table.update(this.transaction, key, change(row));
      return row !== undefined;
    });
  }

  delete(key: string): Promise<boolean> {
    return this.transaction.statement(async () => {
      const row = await this.table.lock(this.transaction, key, {});
      if (row) this.table.delete(this.transaction, key);
      return row !== undefined;
    });
  }
}
