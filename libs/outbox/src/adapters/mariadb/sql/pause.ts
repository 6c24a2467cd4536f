import type { PauseTarget } from '../../../message/pause';
import { CODES } from '../../../message/rules';
import { type Question, question } from '../question';
import type { MariaDbTables } from '../tables';

/** Sending stops and goes on. The empty text stands for every consumer, or every type. */
function valuesOf(source: string, { to = '', type = '' }: PauseTarget): string[] {
  return [source, to, type];
}

const ONE = 'source = ? and consumer = ? and type = ?';

/** What is paused already stays so since when it was. */
export function writePause(
  t: MariaDbTables,
  source: string,
  target: PauseTarget,
  by: string,
  reason: string,
): Question {
  return question(
    'outbox.pause',
    `
insert into ${t.pause} (source, consumer, type, actor, reason, since)
values (?, ?, ?, ?, ?, utc_timestamp(6))
on duplicate key update actor = values(actor), reason = values(reason)`,
    ...[...valuesOf(source, target), by, reason],
  );
}

/** The lock lets it end only when no claim is under way that obeys it. */
export function lockPause(t: MariaDbTables, source: string, target: PauseTarget): Question {
  return question('outbox.lock-pause', `select * from ${t.pause} where ${ONE} for update`, ...valuesOf(source, target));
}

export function deletePause(t: MariaDbTables, source: string, target: PauseTarget): Question {
  return question('outbox.resume', `delete from ${t.pause} where ${ONE}`, ...valuesOf(source, target));
}

/** In a claim, which obeys them: none ends before it does. Without pauses there is nothing to lock. */
export function sharePauses(t: MariaDbTables, source: string): Question {
  return question(
    'outbox.obeyed-pauses',
    `select * from ${t.pause} p force index (primary) where p.source = ? lock in share mode`,
    source,
  );
}

export function readPauses(t: MariaDbTables, source: string): Question {
  return question(
    'outbox.pauses',
    `select * from ${t.pause} p where p.source = ? order by p.since, p.consumer, p.type`,
    source,
  );
}

/** Some of what was held back is due again. What another pause is about is held again by the claim that finds it. */
export function heldByPause(t: MariaDbTables, source: string, { to, type }: PauseTarget, limit: number): Question {
  return question(
    'outbox.held',
    `
select d.message_id, d.consumer
from ${t.delivery} d force index (outbox_delivery_due)
where d.source = ?
  and d.next_at > utc_timestamp(6)
  and d.code = '${CODES.paused}'${to === undefined ? '' : '\n  and d.consumer = ?'}${
    type === undefined ? '' : `\n  and exists (select 1 from ${t.message} m where m.id = d.message_id and m.type = ?)`
  }
order by d.next_at
limit ?`,
    ...[source, to, type].filter((value) => value !== undefined),
    limit,
  );
}
