import { type Happening, KEPT, type Occurrence } from '../../../message/history';
import type { Tables } from '../tables';
import { iso, statement } from './text';

/** SQL expressions over a row that has been moved: what happened to it. */
type Expressions = { readonly [Name in keyof Happening]?: string };

/**
 * A CTE that adds to the histories of the deliveries that `moved` has moved, by the rule of `withHappening`. They are locked
 * until the transaction ends, and `on conflict` sees the newest version of their histories, whatever the snapshot.
 */
export function noted(t: Tables, moved: string, { what, attempt, code, why, by }: Expressions, where?: string): string {
  const fields = Object.entries({
    what,
    attempt,
    code: code && `${code}::text`,
    why: why && `${why}::text`,
    by: by && `${by}::text`,
  });
  const given = fields.flatMap(([name, value]) => (value === undefined ? [] : [`'${name}', ${value}`]));
  return `noted as (
  insert into ${t.history} as history (message_id, consumer, entries)
  select message_id, consumer, jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'number', 1, 'at', ${iso('clock_timestamp()')}, ${given.join(', ')}
  )))
  from ${moved}${where === undefined ? '' : `\n  where ${where}`}
  on conflict (message_id, consumer) do update
  set entries = case
    when history.entries -> -1 ->> 'what' = excluded.entries -> 0 ->> 'what'
      and history.entries -> -1 ->> 'code' is not distinct from excluded.entries -> 0 ->> 'code'
    then jsonb_set(history.entries, '{-1}', excluded.entries -> 0 || jsonb_build_object(
      'number', history.entries -> -1 -> 'number',
      'since', coalesce(history.entries -> -1 -> 'since', history.entries -> -1 -> 'at'),
      'times', coalesce((history.entries -> -1 ->> 'times')::int, 1) + 1
    ))
    else
      case when jsonb_array_length(history.entries) < ${KEPT.first + KEPT.last} then history.entries else history.entries - ${KEPT.first} end
      || jsonb_set(excluded.entries, '{0, number}', to_jsonb((history.entries -> -1 ->> 'number')::int + 1))
  end
)`;
}

/** What happened, as a constant. */
export function occurrence(what: Occurrence): string {
  return `'${what}'`;
}

export function historySql(t: Tables) {
  return {
    history: statement(
      t,
      'outbox.history',
      `
select consumer, entries::text as entries
from ${t.history}
where message_id = $1
order by consumer`,
      (messageId: string) => [messageId],
    ),
  };
}
