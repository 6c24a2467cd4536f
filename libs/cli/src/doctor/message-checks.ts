import { type Check, type Finding, note, wrong } from './check';
import type { DatabaseContext } from './database-context';

/** What waits for a person, or for a relay. */
export const MESSAGE_CHECKS: readonly Check<DatabaseContext>[] = [
  { name: 'parked', of: parked },
  { name: 'overdue', of: overdue },
  { name: 'late-follow-ups', of: lateFollowUps },
];

async function parked({ database, tables: t }: DatabaseContext): Promise<Finding[]> {
  const found = await database.rows<{ service: string; count: number }>(`
select m.aggregatetype as service, count(*)::int as count
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where d.state = 'parked'
group by 1
order by 1`);
  return found.map(({ service, count }) =>
    wrong(
      `${count} ${count === 1 ? 'delivery' : 'deliveries'} of ${service} ${count === 1 ? 'is' : 'are'} parked: nothing more happens by itself.`,
      `See why: tallystick --service ${service} list state:parked; then retry, cancel or discard.`,
    ),
  );
}

/** The first entry of an index. */
async function overdue({ database, tables: t, dueMs }: DatabaseContext): Promise<Finding[]> {
  const found = await database.rows<{ service: string; seconds: number }>(
    `
select (select aggregatetype from ${t.message} m where m.id = message_id) as service, extract(epoch from clock_timestamp() - next_at)::int as seconds
from ${t.delivery}
where next_at is not null
  and next_at < clock_timestamp() - $1::float8 * interval '1 ms'
order by next_at
limit 1`,
    [dueMs],
  );
  return found.map(({ service, seconds }) =>
    wrong(
      `A delivery of ${service} has been due for ${seconds} s, and no relay has taken it.`,
      `Start a process of ${service} with relay: true; or its transport is down, or one relay does not keep up.`,
    ),
  );
}

/** Whether they deserve one is for a person to say; that is why it is only a note. */
async function lateFollowUps({ database, tables: t }: DatabaseContext): Promise<Finding[]> {
  const found = await database.rows<{
    service: string;
    type: string;
    verdict: string;
    handler: string;
    count: number;
  }>(`
select f.source as service, f.type, f.verdict, f.handler, count(*)::int as count
from ${t.followUp} f
join ${t.message} m on m.aggregatetype = f.source and m.type = f.type
join ${t.delivery} d on d.message_id = m.id and d.verdict = f.verdict
where d.state in ('completed', 'compensated')
  and d.follow_up not in ('both', f.verdict)
  and d.settled_at < f.registered_at
group by 1, 2, 3, 4
order by 1, 2, 3`);
  return found.map(({ service, type, verdict, handler, count }) =>
    note(
      `${count} ${verdict} ${type} of ${service} ${count === 1 ? 'was' : 'were'} closed before ${handler} was registered, so it never ran for ${count === 1 ? 'it' : 'them'}.`,
      'docs/operations.md has the query that lists them ("A follow-up was added later"). Whether they deserve one is for a person to say.',
    ),
  );
}
