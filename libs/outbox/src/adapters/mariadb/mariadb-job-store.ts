import type { DeliveryKey } from '../../message/delivery';
import { errorText } from '../../message/receipt';
import { REFUSALS_KEPT } from '../../message/rules';
import type { BulkJob, BulkOrder, JobLease, JobStep, JobStore, JobToEnd, Refusal, WhyNot } from '../../ports/jobs';
import type { Database } from './database';
import { cancel, discard, retry } from './operating';
import type { Ask } from './question';
import { jobOf, recordOf } from './rows';
import * as sql from './sql/jobs';
import { find, writeAudit } from './sql/operate';
import type { MariaDbTables } from './tables';

/** Bulk operations in MariaDB. */
export class MariaDbJobStore implements JobStore {
  constructor(
    private readonly database: Database,
    private readonly tables: () => Promise<MariaDbTables>,
  ) {}

  async start(lease: JobLease, order: BulkOrder): Promise<BulkJob> {
    const t = await this.tables();
    const { by, reason } = order;
    const said = { by: errorText(by), reason: reason === undefined ? undefined : errorText(reason) };
    return this.database.together(async (ask) => {
      await ask(sql.startJob(t, lease, { ...order, ...said }));
      return (await locked(t, ask, lease))!.job;
    });
  }

  async take(lease: JobLease): Promise<BulkJob | undefined> {
    const t = await this.tables();
    return this.database.together(async (ask) => {
      const found = await locked(t, ask, lease);
      if (!found || !['stopped', 'abandoned'].includes(found.job.state)) return undefined;
      await ask(sql.takeJob(t, lease));
      return (await locked(t, ask, lease))!.job;
    });
  }

  async step(lease: JobLease, order: BulkOrder, key: DeliveryKey, why: WhyNot): Promise<JobStep> {
    const t = await this.tables();
    return this.database.together(async (ask): Promise<JobStep> => {
      const found = await locked(t, ask, lease);
      if (!isRunning(found) || found.token !== lease.token) return { kind: 'lost' };
      const { changed, refused, refusals } = found.job;
      const note = async (more: Partial<Pick<BulkJob, 'changed' | 'refused' | 'refusals'>>): Promise<void> => {
        const now = { changed, refused, refusals, ...more };
        await ask(sql.writeProgress(t, lease, { at: key, ...now, refusals: JSON.stringify(now.refusals) }));
      };
      const keys = await changing(t, ask, order, key);
      if (keys.length > 0) {
        await note({ changed: changed + keys.length });
        return { kind: 'changed' };
      }
      const records = (await ask(find(t, key.messageId))).rows.map(recordOf);
      const text = why(records.filter(({ consumer }) => consumer === key.consumer));
      if (text === undefined) {
        await note({});
        return { kind: 'nothing' };
      }
      const refusal: Refusal = { messageId: key.messageId, consumer: key.consumer, why: text };
      await note({ refused: refused + 1, refusals: [...refusals, refusal].slice(0, REFUSALS_KEPT) });
      return { kind: 'refused', ...refusal };
    });
  }

  async end(lease: JobToEnd, state: 'stopped' | 'done', note?: string): Promise<BulkJob | undefined> {
    const t = await this.tables();
    return this.database.together(async (ask) => {
      const found = await locked(t, ask, lease);
      if (!isRunning(found) || (lease.token !== undefined && found.token !== lease.token)) return undefined;
      await ask(sql.endJob(t, lease, state));
      const { by: actor, verb, filter: target, changed, reason } = found.job;
      const said = [reason, note && errorText(note)].filter((part) => part !== undefined).join(' · ') || undefined;
      await ask(writeAudit(t, { source: lease.source, actor, verb, target, changed, reason: said }));
      return (await locked(t, ask, lease))!.job;
    });
  }

  async list(source: string, which: { limit: number; id?: string }): Promise<BulkJob[]> {
    return (await this.database.run(sql.readJobs(await this.tables(), source, which))).rows.map(jobOf);
  }
}

interface LockedJob {
  readonly job: BulkJob;
  readonly token: string | undefined;
}

async function locked(
  t: MariaDbTables,
  ask: Ask,
  which: Pick<JobLease, 'source' | 'id'>,
): Promise<LockedJob | undefined> {
  const [row] = (await ask(sql.lockJob(t, which))).rows;
  return row && { job: jobOf(row), token: row.lease_token ?? undefined };
}

/** Abandoned is running, with nobody at work on it: whoever comes back may go on. */
function isRunning(found: LockedJob | undefined): found is LockedJob {
  return found !== undefined && ['running', 'abandoned'].includes(found.job.state);
}

/** What is asked for a single one. */
function changing(
  t: MariaDbTables,
  ask: Ask,
  order: BulkOrder,
  { messageId, consumer: to }: DeliveryKey,
): Promise<DeliveryKey[]> {
  const { verb, by, reason, deadlineMs, force } = order;
  switch (verb) {
    case 'retry':
      return retry(t, ask, { messageId, to, by, reason, deadlineMs });
    case 'cancel':
      return cancel(t, ask, { messageId, to, by, reason: reason ?? '' });
    case 'discard':
      return discard(t, ask, { messageId, to, by, reason: reason ?? '', force });
    default:
      return verb satisfies never;
  }
}
