import type { DeliveryKey } from '../../message/delivery';
import type { BulkJob, BulkOrder, JobLease, JobStep, JobStore, JobToEnd, Refusal, WhyNot } from '../../ports/jobs';
import { jobOf, recordOf } from '../rows';
import type { Database, Result, Statement } from './database';
import type { OutboxSql } from './sql/outbox';

/** Bulk operations in PostgreSQL. */
export class PostgresJobStore implements JobStore {
  constructor(
    private readonly database: Database,
    private readonly sql: () => Promise<OutboxSql>,
  ) {}

  async start(lease: JobLease, order: BulkOrder): Promise<BulkJob> {
    const { rows } = await this.database.run((await this.sql()).startJob, { ...lease, order });
    return jobOf(rows[0]!);
  }

  async take(lease: JobLease): Promise<BulkJob | undefined> {
    const { rows } = await this.database.run((await this.sql()).takeJob, lease);
    return rows[0] && jobOf(rows[0]);
  }

  async step(lease: JobLease, order: BulkOrder, key: DeliveryKey, why: WhyNot): Promise<JobStep> {
    const sql = await this.sql();
    const { source, id } = lease;
    const { messageId, consumer } = key;
    return this.database.together('outbox.job-step', async (run): Promise<JobStep> => {
      const { count } = await run(sql.comeTo, { ...lease, key });
      if (count === 0) return { kind: 'lost' };
      const changed = (await changing(run, sql, order, key)).rows.length;
      if (changed > 0) {
        await run(sql.tally, { source, id, changed });
        return { kind: 'changed' };
      }
      const found = (await run(sql.find, messageId)).rows.map(recordOf);
      const text = why(found.filter((each) => each.consumer === consumer));
      if (text === undefined) return { kind: 'nothing' };
      const refusal: Refusal = { messageId, consumer, why: text };
      await run(sql.tally, { source, id, changed: 0, refusal });
      return { kind: 'refused', ...refusal };
    });
  }

  async end(lease: JobToEnd, state: 'stopped' | 'done', note?: string): Promise<BulkJob | undefined> {
    const { rows } = await this.database.run((await this.sql()).endJob, { ...lease, state, note });
    return rows[0] && jobOf(rows[0]);
  }

  async list(source: string, page: { limit: number; id?: string }): Promise<BulkJob[]> {
    return (await this.database.run((await this.sql()).jobs, { source, ...page })).rows.map(jobOf);
  }
}

type Run = <Args>(statement: Statement<Args>, args: NoInfer<Args>) => Promise<Result>;

/** Does it to a single one. */
function changing(run: Run, sql: OutboxSql, order: BulkOrder, { messageId, consumer }: DeliveryKey): Promise<Result> {
  const { verb, reason = '', deadlineMs, force } = order;
  const wanted = { messageId, to: consumer, by: order.by };
  switch (verb) {
    case 'retry':
      return run(sql.retry, { ...wanted, deadlineMs, reason: order.reason });
    case 'cancel':
      return run(sql.cancel, { ...wanted, reason });
    case 'discard':
      return run(sql.discard, { ...wanted, reason, force });
    default:
      return verb satisfies never;
  }
}
