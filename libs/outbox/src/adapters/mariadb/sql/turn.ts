import { CODES } from '../../../message/rules';
import { type Question, question } from '../question';
import type { MariaDbTables } from '../tables';
import { AGO, micros } from './text';

/** Whose turn it is (docs/adr/0017, 0018). */

/** So many numbers of a key, for messages that are recorded now. */
export interface Draw {
  readonly orderKey: string;
  readonly source: string;
  readonly count: number;
}

/**
 * Waits for the end of every transaction that has drawn for one of these keys, in the order of the keys. The numbers end with what
 * `drawn` says; a rollback gives them back.
 */
export function draw(t: MariaDbTables, draws: readonly Draw[]): Question {
  const rows = [...draws]
    .sort((one, other) => (one.orderKey < other.orderKey ? -1 : 1))
    .map(({ orderKey, source, count }) => [orderKey, source, count]);
  return question(
    'outbox.draw',
    `
insert into ${t.turn} (order_key, source, last_no, drawn_at)
values
  ${rows.map(() => '(?, ?, ?, utc_timestamp(6))').join(',\n  ')}
on duplicate key update last_no = last_no + values(last_no), drawn_at = values(drawn_at)`,
    ...rows.flat(),
  );
}

export function drawn(t: MariaDbTables, orderKeys: readonly string[]): Question {
  return question('outbox.drawn', `select order_key, last_no from ${t.turn} where order_key in (?)`, orderKeys);
}

/** Who is first of those that are not final, for each key. */
export function firstInLine(t: MariaDbTables, orderKeys: readonly string[]): Question {
  return question(
    'outbox.first-in-line',
    `
select d.order_key, min(d.order_no) as first_no
from ${t.delivery} d force index (outbox_delivery_turn)
where d.order_key in (?)
  and d.settled_at is null
group by d.order_key`,
    orderKeys,
  );
}

/**
 * The keys of deliveries that are first in the line of any of these, and held for their turn. In that order: MariaDB 11 would read all
 * deliveries, and ask of each whether it is first.
 */
export function nextInLine(t: MariaDbTables, orderKeys: readonly string[]): Question {
  const first = firstInLine(t, orderKeys);
  return question(
    'outbox.next-in-line',
    `
select d.message_id, d.consumer
from (${first.text.replace(/ -- .*$/, '')}) first
straight_join ${t.delivery} d force index (outbox_delivery_turn) on d.order_key = first.order_key and d.settled_at is null and d.order_no = first.first_no
where d.code = '${CODES.waitsItsTurn}'`,
    ...first.values,
  );
}

/** Keys of which nobody has recorded for long, and nothing is open: whoever records next begins with 1 again. */
export function pruneTurns(t: MariaDbTables, source: string, olderThanMs: number, limit: number): Question {
  return question(
    'outbox.idle-turns',
    `
select turn.order_key
from ${t.turn} turn force index (outbox_turn_drawn)
where turn.source = ?
  and turn.drawn_at < ${AGO}
  and not exists (select 1 from ${t.delivery} d where d.order_key = turn.order_key and d.settled_at is null)
order by turn.drawn_at
limit ?
for update skip locked`,
    source,
    micros(olderThanMs),
    limit,
  );
}

export function deleteTurns(t: MariaDbTables, orderKeys: readonly string[]): Question {
  return question('outbox.delete-turns', `delete from ${t.turn} where order_key in (?)`, orderKeys);
}
