import type { Mark, UsersTables } from './tables';

/** Writes down how far messages are. */
export interface Marks {
  sent(id: string): Promise<void>;
  completed(id: string): Promise<void>;
}

/** (a) The obvious way: an update, and a commit, for every mark. */
export class SingleMarks implements Marks {
  constructor(private readonly tables: UsersTables) {}

  sent(id: string): Promise<void> {
    return this.tables.mark('sent', id);
  }

  completed(id: string): Promise<void> {
    return this.tables.mark('completed', id);
  }
}

/**
 * (b) Coalesced: while one update is under way, marks gather for the next. One at a time, because two batches that hold
 * the same rows in another order would deadlock.
 */
export class CoalescedMarks implements Marks {
  private waiting: { sent: Waiting[]; completed: Waiting[] } = { sent: [], completed: [] };
  private writing = false;

  constructor(private readonly tables: UsersTables) {}

  sent(id: string): Promise<void> {
    return this.add('sent', id);
  }

  completed(id: string): Promise<void> {
    return this.add('completed', id);
  }

  private add(kind: Mark, id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting[kind].push({ id, resolve, reject });
      if (!this.writing) void this.write();
    });
  }

  private async write(): Promise<void> {
    this.writing = true;
    while (this.waiting.sent.length + this.waiting.completed.length > 0) {
      const { sent, completed } = this.waiting;
      this.waiting = { sent: [], completed: [] };
      await this.update('sent', sent);
      await this.update('completed', completed);
    }
    this.writing = false;
  }

  private async update(mark: Mark, marks: Waiting[]): Promise<void> {
    if (marks.length === 0) return;
    try {
      await this.tables.markMany(
        mark,
        marks.map(({ id }) => id),
      );
      marks.forEach(({ resolve }) => resolve());
    } catch (error) {
      marks.forEach(({ reject }) => reject(error));
    }
  }
}

interface Waiting {
  readonly id: string;
  resolve(): void;
  reject(error: unknown): void;
}
