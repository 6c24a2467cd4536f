import type { DeliveryKey } from '../../message/delivery';
import { AFTER_EVERYBODY, JOB_LEASE_MS, REFUSALS_KEPT } from '../../message/rules';
import type { BulkJob, BulkOrder, JobLease, JobStep, JobStore, JobToEnd, WhyNot } from '../../ports/jobs';
import type { MemoryClient } from './memory-database';
import { iso, type JobRow, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import * as operating from './statements-operate';

/** Bulk operations in memory. */
export class MemoryJobStore implements JobStore {
  constructor(
    private readonly client: MemoryClient,
    private readonly t: OutboxTables,
  ) {}

  start({ source, id, token }: JobLease, order: BulkOrder): Promise<BulkJob> {
    return this.client.alone(async (tx) => {
      const ids = [...this.t.message.entries(tx)].map(([key]) => key).sort();
      const startedAt = this.t.now();
      const row: JobRow = {
        ...order,
        ...{
          source,
          id,
          token,
          state: 'running',
          leasedUntil: startedAt + JOB_LEASE_MS,
          startedAt,
          endedAt: undefined,
        },
        ...{ at: { messageId: ids.at(-1) ?? id, consumer: AFTER_EVERYBODY }, changed: 0, refused: 0, refusals: [] },
      };
      await this.t.job.insert(tx, `${source} ${id}`, () => row);
      return this.jobOf(row);
    });
  }

  take({ source, id, token }: JobLease): Promise<BulkJob | undefined> {
    return this.client.alone(async (tx) => {
      const row = await this.t.job.lock(tx, `${source} ${id}`, {});
      if (!row || !['stopped', 'abandoned'].includes(this.jobOf(row).state)) return undefined;
      const leasedUntil = this.t.now() + JOB_LEASE_MS;
      const taken = { state: 'running', token, leasedUntil, endedAt: undefined } as const;
      return this.jobOf(this.t.job.update(tx, `${source} ${id}`, taken));
    });
  }

  step({ source, id, token }: JobLease, order: BulkOrder, key: DeliveryKey, why: WhyNot): Promise<JobStep> {
    return this.client.alone(async (tx): Promise<JobStep> => {
      const row = await this.t.job.lock(tx, `${source} ${id}`, {});
      if (row?.state !== 'running' || row.token !== token) return { kind: 'lost' };
      const note = (change: Partial<JobRow>): JobRow =>
        this.t.job.update(tx, `${source} ${id}`, { at: key, leasedUntil: this.t.now() + JOB_LEASE_MS, ...change });
      const changed = (await this.change(tx, order, key)).length;
      if (changed > 0) {
        note({ changed: row.changed + changed });
        return { kind: 'changed' };
      }
      const found = operating.find(this.t, tx, key.messageId);
      const text = why(found.filter(({ consumer }) => consumer === key.consumer));
      if (text === undefined) {
        note({});
        return { kind: 'nothing' };
      }
      const refusal = { messageId: key.messageId, consumer: key.consumer, why: text };
      note({ refused: row.refused + 1, refusals: [...row.refusals, refusal].slice(0, REFUSALS_KEPT) });
      return { kind: 'refused', ...refusal };
    });
  }

  end({ source, id, token }: JobToEnd, state: 'stopped' | 'done', note?: string): Promise<BulkJob | undefined> {
    return this.client.alone(async (tx) => {
      const row = await this.t.job.lock(tx, `${source} ${id}`, {});
      if (row?.state !== 'running' || (token !== undefined && row.token !== token)) return undefined;
      const auditId = this.t.nextAuditId();
      const { by: actor, verb, filter: target, changed } = row;
      const reason = [row.reason, note].filter((part) => part !== undefined).join(' · ') || undefined;
      const entry = { id: auditId, at: this.t.now(), source, actor, verb, target, changed, reason };
      await this.t.audit.insert(tx, String(auditId), () => entry);
      const ended = { state, token: undefined, endedAt: this.t.now() };
      return this.jobOf(this.t.job.update(tx, `${source} ${id}`, ended));
    });
  }

  list(source: string, { limit, id }: { limit: number; id?: string }): Promise<BulkJob[]> {
    return this.client.alone((tx) =>
      [...this.t.job.entries(tx)]
        .map(([, row]) => row)
        .filter((row) => row.source === source && (id === undefined || row.id === id))
        .sort((one, other) => other.startedAt - one.startedAt || (one.id < other.id ? 1 : -1))
        .slice(0, limit)
        .map((row) => this.jobOf(row)),
    );
  }

  private change(tx: MemoryTransaction, order: BulkOrder, key: DeliveryKey): Promise<DeliveryKey[]> {
    const { verb, by, reason, deadlineMs, force } = order;
    const to = key.consumer;
    switch (verb) {
      case 'retry':
        return operating.retry(this.t, tx, key.messageId, {
          ...{ to, by },
          ...(deadlineMs !== undefined && { deadlineMs }),
          ...(reason !== undefined && { reason }),
        });
      case 'cancel':
        return operating.cancel(this.t, tx, key.messageId, { to, by, reason: reason ?? '' });
      case 'discard':
        return operating.discard(this.t, tx, key.messageId, { to, by, reason: reason ?? '', force });
      default:
        return verb satisfies never;
    }
  }

  private jobOf({ source: _source, token: _token, leasedUntil, startedAt, endedAt, state, ...rest }: JobRow): BulkJob {
    const abandoned = state === 'running' && leasedUntil <= this.t.now();
    return {
      ...rest,
      state: abandoned ? 'abandoned' : state,
      startedAt: iso(startedAt),
      endedAt: endedAt === undefined ? undefined : iso(endedAt),
    };
  }
}
