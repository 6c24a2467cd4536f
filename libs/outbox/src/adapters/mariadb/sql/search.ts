import type { DeliveryKey } from '../../../message/delivery';
import type { Criteria } from '../../../ports/store';
import { parameters, type Question, question, type Value } from '../question';
import type { MariaDbTables } from '../tables';
import { recordColumns } from './operate';
import { AGO, micros } from './text';

/**
 * The server gives up a question that takes longer. It is said twice, once for each of the two that read it: MySQL takes the one for
 * MariaDB for a comment, and MariaDB the one for MySQL.
 */
function within(limitMs: number, select: string): string {
  return `/*M! set statement max_statement_time = ${limitMs / 1000} for */ select /*+ MAX_EXECUTION_TIME(${limitMs}) */ ${select}`;
}

/** Newest first: the ids grow with time, and their index is there. */
export function search(
  t: MariaDbTables,
  source: string,
  criteria: Criteria,
  { limit, after, limitMs }: { limit: number; after?: DeliveryKey | undefined; limitMs: number },
): Question {
  const { values, value } = parameters();
  const all = conditions(source, criteria, value);
  // As a comparison of pairs it would be read from the beginning of the index each time.
  const beyond =
    after &&
    `d.message_id <= ${value(after.messageId)} and (d.message_id < ${value(after.messageId)} or d.consumer < ${value(after.consumer)})`;
  const text = within(
    limitMs,
    `${recordColumns(t)}
${whereAll(t, [...all, ...(beyond === undefined ? [] : [beyond])])}
order by d.message_id desc, d.consumer desc
limit ${value(limit)}`,
  );
  return question('outbox.search', text, ...values);
}

export function count(
  t: MariaDbTables,
  source: string,
  criteria: Criteria,
  { cap, limitMs }: { cap: number; limitMs: number },
): Question {
  const { values, value } = parameters();
  const text = within(
    limitMs,
    `count(*) as count
from (
  select 1
  ${whereAll(t, conditions(source, criteria, value))}
  limit ${value(cap)}
) found`,
  );
  return question('outbox.count', text, ...values);
}

function whereAll(t: MariaDbTables, all: readonly string[]): string {
  return `from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where ${all.join('\n  and ')}`;
}

type Note = (value: Value) => string;
type Condition = {
  readonly [Name in keyof Criteria]-?: (given: NonNullable<Criteria[Name]>, value: Note) => string;
};

const CONDITIONS: Condition = {
  states: (states, value) => `d.state in (${value(states)})`,
  type: (type, value) => {
    if (!type.endsWith('*')) return `m.type = ${value(type)}`;
    const beginning = type.slice(0, -1);
    return `left(m.type, char_length(${value(beginning)})) = ${value(beginning)}`;
  },
  to: (to, value) => `d.consumer = ${value(to)}`,
  key: (key, value) => `m.aggregateid = ${value(key)}`,
  id: (id, value) => `d.message_id = ${value(id.toLowerCase())}`,
  olderMs: (age, value) => `m.created_at < ${AGO.replace('?', value(micros(age)))}`,
  newerMs: (age, value) => `m.created_at > ${AGO.replace('?', value(micros(age)))}`,
  reason: (reason, value) => `json_unquote(json_extract(d.reason, '$.code')) = ${value(reason)}`,
  code: (code, value) => `d.code = ${value(code)}`,
  error: (part, value) => `locate(lower(${value(part)}), lower(d.last_error)) > 0`,
  data: (fields, value) => fields.map((field) => isInPayload(field, value)).join(' and '),
};

/** A text as it is, everything else as its JSON; nothing where there is nothing, or null. */
function isInPayload({ path, value: text }: { path: readonly string[]; value: string }, value: Note): string {
  const places = pathsOf(path).map((place) => `json_extract(m.payload, ${value(place)})`);
  const found = `coalesce(${places.join(', ')})`;
  return `json_unquote(nullif(cast(${found} as char), 'null')) = ${value(text)}`;
}

/** A number may name a member or a place in a list: each that a path can mean, in few texts. */
function pathsOf(path: readonly string[]): string[] {
  return path.reduce<string[]>(
    (before, name) => {
      const member = `."${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
      const steps = /^\d+$/.test(name) ? [member, `[${name}]`] : [member];
      return before.flatMap((place) => steps.map((step) => `${place}${step}`));
    },
    ['$'],
  );
}

function conditions(source: string, criteria: Criteria, value: Note): string[] {
  const asked = Object.entries(criteria).filter(([, given]) => given !== undefined) as [keyof Criteria, never][];
  return [`d.source = ${value(source)}`, ...asked.map(([name, given]) => CONDITIONS[name](given, value))];
}
