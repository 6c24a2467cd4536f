import type { AuditRecord } from '../../../ports/store';
import type { PauseTarget } from '../../../message/pause';
import { errorText } from '../../../message/receipt';
import { CODES } from '../../../message/rules';
import type { Tables } from '../tables';
import { iso, statement } from './text';
import { optionalText } from './values';

export interface Target extends PauseTarget {
  readonly source: string;
}

function about({ source, to, type }: Target): unknown[] {
  return [source, to ?? '', type ?? ''];
}

/** Sending stops and goes on. In each, `$1` is the service, `$2` the consumer and `$3` the type; empty: all of them. */
export function pauseSql(t: Tables) {
  return {
    /** What is paused already stays so since when it was. */
    pause: statement(
      t,
      'outbox.pause',
      `
with changed as (
  insert into ${t.pause} (source, consumer, type, actor, reason)
  values ($1, $2, $3, $4, $5)
  on conflict (source, consumer, type) do update set actor = excluded.actor, reason = excluded.reason
  returning *
)${audited(t, 'pause')}`,
      ({ by, reason, ...target }: Target & { by: string; reason: string }) => [
        ...about(target),
        errorText(by),
        errorText(reason),
      ],
    ),

    resume: statement(
      t,
      'outbox.resume',
      `
with changed as (
  delete from ${t.pause}
  where source = $1
    and consumer = $2
    and type = $3
  returning *
)${audited(t, 'resume')}`,
      ({ by, reason, ...target }: Target & { by: string; reason: string | undefined }) => [
        ...about(target),
        errorText(by),
        optionalText(reason),
      ],
    ),

    pauses: statement(
      t,
      'outbox.pauses',
      `
select ${columns}
from ${t.pause} p
where source = $1
order by p.since, p.consumer, p.type`,
      (source: string) => [source],
    ),

    /**
     * Some of what was held back is due again. The index of what is due has it, among what waits; what another pause is about
     * is held again by the claim that finds it.
     */
    releaseHeld: statement(
      t,
      'outbox.release-held',
      `
with held as materialized (
  select message_id, consumer
  from ${t.delivery}
  where next_at > (select clock_timestamp())
    and code = '${CODES.paused}'
    and ($2::text = '' or consumer = $2)
    and coalesce((select m.aggregatetype = $1 and ($3::text = '' or m.type = $3) from ${t.message} m where m.id = message_id), false)
  order by next_at
  limit $4
  for no key update skip locked
)
update ${t.delivery} d
set next_at = clock_timestamp(),
    code = null
from held
where d.message_id = any (array(select message_id from held))
  and d.message_id = held.message_id
  and d.consumer = held.consumer`,
      ({ limit, ...target }: Target & { limit: number }) => [...about(target), limit],
    ),
  };
}

const columns = `consumer, type, ${iso('since')} as since, actor, reason`;

/** Ends a statement that has `changed` a pause: writes down who asked. */
function audited(t: Tables, verb: AuditRecord['verb']): string {
  return `,
audited as (
  insert into ${t.audit} (source, actor, verb, target, changed, reason)
  select $1, $4, '${verb}', coalesce(nullif(concat_ws(' ', 'to:' || nullif($2, ''), 'type:' || nullif($3, '')), ''), 'everything'), 1, $5
  from changed
)
select ${columns}
from changed`;
}
