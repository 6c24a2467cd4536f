import type { DeliveryKey } from '../../../message/delivery';
import type { Criteria } from '../../../ports/store';
import type { Statement } from '../database';
import type { Tables } from '../tables';
import { ms, recordColumns, statement, words } from './text';

/** Newest first: the ids grow with time, and their index is there. */
export function searchSql(
  t: Tables,
  source: string,
  criteria: Criteria,
  page: { limit: number; after?: DeliveryKey },
): Statement {
  const { values, value } = parameters();
  const { limit, after } = page;
  const beyond =
    after && `(d.message_id, d.consumer) < (${value(after.messageId)}::uuid, ${value(after.consumer)}::text)`;
  const text = `
select ${recordColumns(t, 'd', 'm')}
${whereAll(t, [...conditions(source, criteria, value), ...(beyond === undefined ? [] : [beyond])])}
order by d.message_id desc, d.consumer desc
limit ${value(limit)}`;
  return statement(t, 'outbox.search', text, () => values);
}

export function countSql(t: Tables, source: string, criteria: Criteria, cap: number): Statement {
  const { values, value } = parameters();
  const text = `
select count(*) as count
from (
  select
  ${whereAll(t, conditions(source, criteria, value))}
  limit ${value(cap)}
) found`;
  return statement(t, 'outbox.count', text, () => values);
}

/** Not all messages are looked at for it: the newest, and the follow-ups. */
export function servicesSql(t: Tables): Statement {
  return statement(
    t,
    'outbox.services',
    `
select source
from (select aggregatetype as source from ${t.message} order by id desc limit 1000) newest
union
select source from ${t.followUp}
order by source`,
    () => [],
  );
}

function whereAll(t: Tables, conditions: readonly string[]): string {
  return `from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where ${conditions.join('\n  and ')}`;
}

/** Whatever somebody typed becomes a parameter; only the library's own words stand in the text. */
function parameters() {
  const values: unknown[] = [];
  return { values, value: (value: unknown): string => `$${values.push(value)}` };
}

type Condition = {
  readonly [Name in keyof Criteria]-?: (
    given: NonNullable<Criteria[Name]>,
    value: (value: unknown) => string,
  ) => string;
};

const CONDITIONS: Condition = {
  // Literals: only so the planner sees that a partial index holds them all.
  states: (states) => `d.state in (${words(states)})`,
  type: (type, value) =>
    type.endsWith('*') ? `starts_with(m.type, ${value(type.slice(0, -1))})` : `m.type = ${value(type)}`,
  to: (to, value) => `d.consumer = ${value(to)}`,
  key: (key, value) => `m.aggregateid = ${value(key)}`,
  id: (id, value) => `d.message_id = ${value(id)}`,
  olderMs: (age, value) => `m.created_at < (select clock_timestamp() - ${ms(value(age))})`,
  newerMs: (age, value) => `m.created_at > (select clock_timestamp() - ${ms(value(age))})`,
  reason: (reason, value) => `d.reason ->> 'code' = ${value(reason)}`,
  code: (code, value) => `d.code = ${value(code)}`,
  error: (part, value) => `position(lower(${value(part)}) in lower(d.last_error)) > 0`,
  data: (fields, value) =>
    fields.map(({ path, value: text }) => `m.payload #>> ${value(path)}::text[] = ${value(text)}`).join(' and '),
};

function conditions(source: string, criteria: Criteria, value: (value: unknown) => string): string[] {
  const asked = Object.entries(criteria).filter(([, given]) => given !== undefined) as [keyof Criteria, never][];
  return [`m.aggregatetype = ${value(source)}`, ...asked.map(([name, given]) => CONDITIONS[name](given, value))];
}
