import type { DeliveryKey } from '../../message/delivery';
import type { BulkJob, BulkOrder, BulkVerb, JobLease, JobStep, JobStore, Refusal } from '../../ports/jobs';
import type { DeliveryRecord } from '../../ports/store';
import type { Database, Result, Row, Statement } from './database';
import { recordOf } from './rows';
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

  async step(
    lease: JobLease,
    order: BulkOrder,
    key: DeliveryKey,
    why: (found: readonly DeliveryRecord[]) => string | undefined,
  ): Promise<JobStep> {
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

  async end(
    lease: Omit<JobLease, 'token'> & { token?: string },
    state: 'stopped' | 'done',
    note?: string,
  ): Promise<BulkJob | undefined> {
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

function jobOf(row: Row): BulkJob {
  return {
    id: row.id!,
    state: row.state as BulkJob['state'],
    verb: row.verb as BulkVerb,
    filter: row.filter!,
    by: row.actor!,
    reason: row.reason ?? undefined,
    deadlineMs: row.deadline_ms == null ? undefined : Number(row.deadline_ms),
    force: row.force === 't' || row.force === 'true',
    rate: Number(row.rate),
    matching: Number(row.matching),
    at: { messageId: row.last_id!, consumer: row.last_consumer! },
    changed: Number(row.changed),
    refused: Number(row.refused),
    refusals: JSON.parse(row.refusals!) as Refusal[],
    startedAt: row.started_at!,
    endedAt: row.ended_at ?? undefined,
  };
}
