import type { AuditRecord } from '../../../ports/store';
import type { Tables } from '../tables';
import { iso, statement } from './text';

/**
 * Ends a statement whose rows `changed` has moved: says which, and writes down who asked, if somebody is named and anything
 * moved. `$1` is the message, `$2` the consumer or null.
 */
export function audited(t: Tables, verb: AuditRecord['verb'], { by, reason }: { by: string; reason: string }): string {
  return `,
audited as (
  insert into ${t.audit} (source, actor, verb, target, changed, reason)
  select (select m.aggregatetype from ${t.message} m where m.id = $1), ${by}::text, '${verb}', concat('id:', $1::uuid, ' to:' || $2::text), count(*), ${reason}::text
  from changed
  where ${by}::text is not null
  having count(*) > 0
)
select message_id, consumer
from changed`;
}

/** What people did, newest first. */
export function auditSql(t: Tables) {
  return {
    audit: statement(
      t,
      'outbox.audit',
      `
select a.id::text as id, ${iso('a.at')} as at, a.actor, a.verb, a.target, a.changed, a.reason
from ${t.audit} a
where a.source = $1
  and ($2::bigint is null or a.id < $2)
order by a.id desc
limit $3`,
      ({ source, after, limit }: { source: string; after?: string; limit: number }) => [source, after, limit],
    ),
  };
}
