import type { DeliveryKey } from '../../../message/delivery';
import { errorText } from '../../../message/receipt';
import { AFTER_EVERYBODY, JOB_LEASE_MS, REFUSALS_KEPT } from '../../../message/rules';
import type { BulkOrder, JobLease, JobToEnd, Refusal } from '../../../ports/jobs';
import type { Tables } from '../tables';
import { iso, ms, statement } from './text';
import { optionalText } from './values';

export interface Tally {
  readonly source: string;
  readonly id: string;
  readonly changed: number;
  readonly refusal?: Refusal;
}

export interface Ended extends JobToEnd {
  readonly state: 'stopped' | 'done';
  readonly note: string | undefined;
}

const LEASE = ms(String(JOB_LEASE_MS));

/** Bulk operations. In each that acts on a lease, `$1` is the service, `$2` the job and `$3` the token. */
export function jobsSql(t: Tables) {
  const returning = columns('j');
  return {
    startJob: statement(
      t,
      'outbox.start-job',
      `
insert into ${t.job} as j (source, id, lease_token, leased_until, state, verb, filter, actor, reason, deadline_ms, force, rate, matching,
  last_id, last_consumer, changed, refused, refusals)
values ($1, $2, $3, clock_timestamp() + ${LEASE}, 'running', $4, $5, $6, $7, $8, $9, $10, $11,
  coalesce((select m.id from ${t.message} m order by m.id desc limit 1), $2), '${AFTER_EVERYBODY}', 0, 0, '[]')
returning ${returning}`,
      ({ source, id, token, order }: JobLease & { order: BulkOrder }) => [
        source,
        id,
        token,
        order.verb,
        order.filter,
        errorText(order.by),
        optionalText(order.reason),
        order.deadlineMs,
        order.force,
        order.rate,
        order.matching,
      ],
    ),

    takeJob: statement(
      t,
      'outbox.take-job',
      `
update ${t.job} j
set state = 'running', lease_token = $3, leased_until = clock_timestamp() + ${LEASE}, ended_at = null
where source = $1
  and id = $2
  and (state = 'stopped' or state = 'running' and leased_until <= clock_timestamp())
returning ${returning}`,
      ({ source, id, token }: JobLease) => [source, id, token],
    ),

    /** The lock on the job keeps it in these hands until the step is committed. */
    comeTo: statement(
      t,
      'outbox.come-to',
      `
update ${t.job}
set last_id = $4, last_consumer = $5, leased_until = clock_timestamp() + ${LEASE}
where source = $1
  and id = $2
  and state = 'running'
  and lease_token = $3`,
      ({ source, id, token, key }: JobLease & { key: DeliveryKey }) => [source, id, token, key.messageId, key.consumer],
    ),

    tally: statement(
      t,
      'outbox.tally',
      `
update ${t.job}
set changed = changed + $3,
    refused = refused + case when $4::jsonb is null then 0 else 1 end,
    refusals = case when $4::jsonb is null or jsonb_array_length(refusals) >= ${REFUSALS_KEPT} then refusals else refusals || $4::jsonb end
where source = $1
  and id = $2`,
      ({ source, id, changed, refusal }: Tally) => [
        source,
        id,
        changed,
        refusal === undefined ? null : JSON.stringify([refusal]),
      ],
    ),

    endJob: statement(
      t,
      'outbox.end-job',
      `
with ended as (
  update ${t.job} j
  set state = $4, lease_token = null, ended_at = clock_timestamp()
  where source = $1
    and id = $2
    and state = 'running'
    and ($3::uuid is null or lease_token = $3)
  returning *
),
audited as (
  insert into ${t.audit} (source, actor, verb, target, changed, reason)
  select source, actor, verb, filter, changed, nullif(concat_ws(' · ', reason, $5::text), '')
  from ended
)
select ${returning}
from ended j`,
      ({ source, id, token, state, note }: Ended) => [source, id, token, state, optionalText(note)],
    ),

    jobs: statement(
      t,
      'outbox.jobs',
      `
select ${returning}
from ${t.job} j
where source = $1
  and ($3::uuid is null or id = $3)
order by j.started_at desc, j.id desc
limit $2`,
      ({ source, limit, id }: { source: string; limit: number; id?: string }) => [source, limit, id],
    ),
  };
}

function columns(j: string): string {
  return `${j}.id, case when ${j}.state = 'running' and ${j}.leased_until <= clock_timestamp() then 'abandoned' else ${j}.state end as state,
  ${j}.verb, ${j}.filter, ${j}.actor, ${j}.reason, ${j}.deadline_ms, ${j}.force, ${j}.rate, ${j}.matching, ${j}.last_id, ${j}.last_consumer,
  ${j}.changed, ${j}.refused, ${j}.refusals::text as refusals, ${iso(`${j}.started_at`)} as started_at, ${iso(`${j}.ended_at`)} as ended_at`;
}
