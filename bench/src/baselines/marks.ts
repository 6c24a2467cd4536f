import type { Pool } from 'pg';

/** Writes down how far messages are. */
export interface Marks {
  sent(id: string): Promise<void>;
  completed(id: string): Promise<void>;
}

const SENT = `
update outbox
set state = 'sent', sent_at = clock_timestamp(), next_at = clock_timestamp() + interval '60 s'
where state = 'pending' and id`;
const COMPLETED = `
update outbox
set state = 'completed', settled_at = clock_timestamp(), next_at = null
where state <> 'completed' and id`;

/** (a) The obvious way: an update, and a commit, for every mark. */
export class SingleMarks implements Marks {
  constructor(private readonly pool: Pool) {}

  async sent(id: string): Promise<void> {
    await this.pool.query({ name: 'sent', text: `${SENT} = $1`, values: [id] });
  }

  async completed(id: string): Promise<void> {
    await this.pool.query({ name: 'completed', text: `${COMPLETED} = $1`, values: [id] });
  }
}

/**
 * (b) Coalesced: while one update is under way, marks gather for the next. One at a time, because two batches that hold
 * the same rows in another order would deadlock.
 */
export class CoalescedMarks implements Marks {
  private waiting: { sent: Mark[]; completed: Mark[] } = { sent: [], completed: [] };
  private writing = false;

  constructor(private readonly pool: Pool) {}

  sent(id: string): Promise<void> {
    return this.add('sent', id);
  }

  completed(id: string): Promise<void> {
    return this.add('completed', id);
  }

  private add(kind: 'sent' | 'completed', id: string): Promise<void> {
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
      await this.update(SENT, sent);
      await this.update(COMPLETED, completed);
    }
    this.writing = false;
  }

  private async update(sql: string, marks: Mark[]): Promise<void> {
    if (marks.length === 0) return;
    try {
      await this.pool.query(`${sql} = any ($1::uuid[])`, [marks.map(({ id }) => id)]);
      marks.forEach(({ resolve }) => resolve());
    } catch (error) {
      marks.forEach(({ reject }) => reject(error));
    }
  }
}

interface Mark {
  readonly id: string;
  resolve(): void;
  reject(error: unknown): void;
}
