import type { DeliveryKey } from '../../message/delivery';
import { errorText } from '../../message/receipt';
import { NOTES } from '../../message/rules';
import type { BulkJob, BulkOrder, BulkVerb, JobLease, JobStep, JobStore, Refusal } from '../../ports/jobs';
import type { DeliveryRecord } from '../../ports/store';
import type { Database, Row, Statement } from './database';
import { optionalText } from './parameters';
import { recordOf } from './rows';
import type { OutboxSql } from './sql/outbox';

/** Bulk operations in PostgreSQL. */
export class PostgresJobStore implements JobStore {
  constructor(
    private readonly database: Database,
    private readonly sql: () => Promise<OutboxSql>,
  ) {}

  async start({ source, id, token }: JobLease, order: BulkOrder): Promise<BulkJob> {
    const { verb, filter, by, reason, deadlineMs, force, rate, matching } = order;
    const said = [verb, filter, errorText(by), optionalText(reason), deadlineMs, force, rate, matching];
    const { rows } = await this.database.run((await this.sql()).startJob, [source, id, token, ...said]);
    return jobOf(rows[0]!);
  }

  async take({ source, id, token }: JobLease): Promise<BulkJob | undefined> {
    const { rows } = await this.database.run((await this.sql()).takeJob, [source, id, token]);
    return rows[0] && jobOf(rows[0]);
  }

  async step(
    { source, id, token }: JobLease,
    order: BulkOrder,
    key: DeliveryKey,
    why: (found: readonly DeliveryRecord[]) => string | undefined,
  ): Promise<JobStep> {
    const sql = await this.sql();
    const { messageId, consumer } = key;
    return this.database.together('outbox.job-step', async (run): Promise<JobStep> => {
      const { count } = await run(sql.comeTo, [source, id, token, messageId, consumer]);
      if (count === 0) return { kind: 'lost' };
      const changed = (await run(...changing(sql, order, key))).rows.length;
      if (changed > 0) {
        await run(sql.tally, [source, id, changed, null]);
        return { kind: 'changed' };
      }
      const found = (await run(sql.find, [messageId])).rows.map(recordOf);
      const text = why(found.filter((each) => each.consumer === consumer));
      if (text === undefined) return { kind: 'nothing' };
      const refusal: Refusal = { messageId, consumer, why: text };
      await run(sql.tally, [source, id, 0, JSON.stringify([refusal])]);
      return { kind: 'refused', ...refusal };
    });
  }

  async end(
    { source, id, token }: Omit<JobLease, 'token'> & { token?: string },
    state: 'stopped' | 'done',
    note?: string,
  ): Promise<BulkJob | undefined> {
    const said = [state, optionalText(note)];
    const { rows } = await this.database.run((await this.sql()).endJob, [source, id, token, ...said]);
    return rows[0] && jobOf(rows[0]);
  }

  async list(source: string, { limit, id }: { limit: number; id?: string }): Promise<BulkJob[]> {
    return (await this.database.run((await this.sql()).jobs, [source, limit, id])).rows.map(jobOf);
  }
}

/** The statement of a single one, with its values. */
function changing(sql: OutboxSql, order: BulkOrder, { messageId, consumer }: DeliveryKey): [Statement, unknown[]] {
  const { verb, by, reason = '', deadlineMs, force } = order;
  const who = errorText(by);
  switch (verb) {
    case 'retry':
      return [sql.retry, [messageId, consumer, deadlineMs, who, optionalText(order.reason)]];
    case 'cancel':
      return [sql.cancel, [messageId, consumer, errorText(NOTES.cancelled(reason)), errorText(reason), who]];
    case 'discard':
      return [sql.discard, [messageId, consumer, errorText(NOTES.discarded(reason)), force, who, errorText(reason)]];
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
