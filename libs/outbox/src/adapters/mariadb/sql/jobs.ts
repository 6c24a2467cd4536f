import type { DeliveryKey } from '../../../message/delivery';
import { AFTER_EVERYBODY, JOB_LEASE_MS } from '../../../message/rules';
import type { BulkOrder, JobLease } from '../../../ports/jobs';
import { type Question, question } from '../question';
import type { MariaDbTables } from '../tables';
import { micros } from './text';

/** Bulk operations. */

const LEASED_UNTIL = `utc_timestamp(6) + interval ${micros(JOB_LEASE_MS)} microsecond`;
const ONE = 'source = ? and id = ?';

export function startJob(t: MariaDbTables, { source, id, token }: JobLease, order: BulkOrder): Question {
  const { verb, filter, by, reason, deadlineMs, force, rate, matching } = order;
  return question(
    'outbox.start-job',
    `
insert into ${t.job} (source, id, lease_token, verb, filter, actor, reason, deadline_ms, forced, rate, matching,
  last_id, last_consumer, state, leased_until, changed, refused, refusals, started_at)
select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  coalesce((select max(m.id) from ${t.message} m), ?), ?, 'running', ${LEASED_UNTIL}, 0, 0, '[]', utc_timestamp(6)`,
    ...[source, id, token, verb, filter, by, reason, deadlineMs, force ? 1 : 0, rate, matching],
    ...[id, AFTER_EVERYBODY],
  );
}

/** The lock on a job keeps it in these hands until the step is committed. */
export function lockJob(t: MariaDbTables, { source, id }: Pick<JobLease, 'source' | 'id'>): Question {
  return question('outbox.lock-job', `select ${COLUMNS} from ${t.job} j where ${ONE} for update`, source, id);
}

export function takeJob(t: MariaDbTables, { source, id, token }: JobLease): Question {
  return question(
    'outbox.take-job',
    `
update ${t.job}
set state = 'running', lease_token = ?, leased_until = ${LEASED_UNTIL}, ended_at = null
where ${ONE}`,
    ...[token, source, id],
  );
}

/** How far a job is. */
export interface Progress {
  readonly at: DeliveryKey;
  readonly changed: number;
  readonly refused: number;
  /** JSON. */
  readonly refusals: string;
}

export function writeProgress(
  t: MariaDbTables,
  { source, id }: Pick<JobLease, 'source' | 'id'>,
  { at, changed, refused, refusals }: Progress,
): Question {
  return question(
    'outbox.job-step',
    `
update ${t.job}
set last_id = ?, last_consumer = ?, changed = ?, refused = ?, refusals = ?, leased_until = ${LEASED_UNTIL}
where ${ONE}`,
    ...[at.messageId, at.consumer, changed, refused, refusals, source, id],
  );
}

export function endJob(t: MariaDbTables, { source, id }: Pick<JobLease, 'source' | 'id'>, state: string): Question {
  return question(
    'outbox.end-job',
    `
update ${t.job}
set state = ?, lease_token = null, ended_at = utc_timestamp(6)
where ${ONE}`,
    ...[state, source, id],
  );
}

export function readJobs(
  t: MariaDbTables,
  source: string,
  { limit, id }: { limit: number; id?: string | undefined },
): Question {
  return question(
    'outbox.jobs',
    `
select ${COLUMNS}
from ${t.job} j
where source = ?${id === undefined ? '' : '\n  and id = ?'}
order by started_at desc, id desc
limit ?`,
    ...[source, id].filter((value) => value !== undefined),
    limit,
  );
}

/** What `jobOf` reads. */
const COLUMNS = 'j.*, leased_until <= utc_timestamp(6) as lease_over';
