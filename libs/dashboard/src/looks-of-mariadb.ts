import { mariaDbTables, type TableOptions } from '@tallystick/outbox';
import { CAP, type Looks, RATE_MS, RATE_ROWS, type Rows, STATEMENT_TIMEOUT_MS, TOOK_MS } from './looks';
import type { InboxRow, Pause, Sample } from './page';

/**
 * As the texts for PostgreSQL, in some more questions: each along an index that begins with the service. What a driver makes of
 * numbers and texts of JSON is the application's to say, so everything is made what it should be here.
 */
export function looksOfMariaDb(rows: Rows, options: TableOptions): Looks {
  const t = mariaDbTables(options);

  async function open(source: string): Promise<Pick<Sample, 'open' | 'capped'>> {
    const due = await rows<Counted>(
      select(`due.consumer, due.state, count(*) as count, greatest(0, ${age('min(due.next_at)')}) as old
from (
  select d.consumer, d.state, d.next_at
  from ${t.delivery} d force index (outbox_delivery_due)
  where d.source = ?
    and d.next_at is not null
  order by d.next_at
  limit ${CAP}
) due
group by due.consumer, due.state -- dashboard.due`),
      [source],
    );
    const parked = await rows<Counted>(
      select(`parked.consumer, 'parked' as state, count(*) as count, 0 as old
from (
  select d.consumer
  from ${t.delivery} d force index (outbox_delivery_state)
  where d.source = ?
    and d.state = 'parked'
  limit ${CAP}
) parked
group by parked.consumer -- dashboard.parked`),
      [source],
    );
    const total = (of: readonly Counted[]): number => of.reduce((sum, { count }) => sum + Number(count), 0);
    return {
      open: [...due, ...parked]
        .map(({ consumer: to, state, count, old }) => ({
          ...{ to, state, count: Number(count), oldestDueMs: Number(old) / 1_000 },
        }))
        .sort(byConsumer),
      capped: total(due) === CAP || total(parked) === CAP,
    };
  }

  async function recorded(source: string): Promise<number> {
    const [found] = await rows<{ count: unknown; us: unknown }>(
      select(`count(*) as count, ${age('min(newest.created_at)')} as us
from (select created_at, aggregatetype from ${t.message} order by id desc limit ${RATE_ROWS}) newest
where newest.aggregatetype = ?
  and newest.created_at > ${ago(RATE_MS)} -- dashboard.recorded`),
      [source],
    );
    return perSecond(Number(found!.count), Number(found!.us) / 1_000);
  }

  async function settled(source: string): Promise<Pick<Sample, 'settled' | 'took'>> {
    const found = await rows<{ consumer: string; state: string; verdict: string | null; old: unknown; took: unknown }>(
      select(`d.consumer, d.state, d.verdict, ${age('d.settled_at')} as old, timestampdiff(microsecond, m.created_at, d.settled_at) as took
from (
  select message_id, consumer, state, verdict, settled_at
  from ${t.delivery} force index (outbox_delivery_prunable)
  where source = ?
    and settled_at > ${ago(TOOK_MS)}
  order by settled_at desc
  limit ${RATE_ROWS}
) d
join ${t.message} m on m.id = d.message_id -- dashboard.settled`),
      [source],
    );
    const latest = found.map((row) => ({ ...row, oldMs: Number(row.old) / 1_000, tookMs: Number(row.took) / 1_000 }));
    const now = latest.filter(({ oldMs }) => oldMs < RATE_MS);
    const oldest = Math.max(0, ...now.map(({ oldMs }) => oldMs));
    const windowMs = now.length >= RATE_ROWS ? oldest : RATE_MS;
    const kinds = grouped(now, ({ consumer, state }) => JSON.stringify([consumer, state]));
    const took = latest.filter(({ verdict }) => verdict !== null).map(({ tookMs }) => tookMs);
    return {
      settled: [...kinds.values()]
        .map((each) => ({
          ...{ to: each[0]!.consumer, state: each[0]!.state },
          perSecond: each.length / (Math.max(1, windowMs) / 1_000),
        }))
        .sort(byConsumer),
      took: took.length === 0 ? null : { p50Ms: percentile(took, 0.5), p95Ms: percentile(took, 0.95), of: took.length },
    };
  }

  async function held(source: string): Promise<Pick<Sample, 'at' | 'paused' | 'running'>> {
    const [clock] = await rows<{ at: string }>(select(`${iso('utc_timestamp(3)')} as at -- dashboard.clock`));
    const paused = await rows<{ consumer: string; type: string; since: string; actor: string; reason: string }>(
      select(`p.consumer, p.type, ${iso('p.since')} as since, p.actor, p.reason
from ${t.pause} p
where p.source = ?
order by p.since, p.consumer, p.type -- dashboard.paused`),
      [source],
    );
    const running = await rows<{ id: string; changed: unknown; refused: unknown }>(
      select(`id, changed, refused
from (select * from ${t.job} where source = ? order by id desc limit 20) latest
where latest.state = 'running'
  and latest.leased_until > utc_timestamp(6)
order by id -- dashboard.running`),
      [source],
    );
    return {
      at: `${clock!.at.slice(0, -4)}Z`,
      paused: paused.map(({ consumer, type, since, actor: by, reason }) => ({
        ...((consumer !== '' ? { to: consumer } : {}) as Pick<Pause, 'to'>),
        ...(type !== '' && { type }),
        ...{ since, by, reason },
      })),
      running: running.map(({ id, changed, refused }) => ({ id, changed: Number(changed), refused: Number(refused) })),
    };
  }

  const inboxRows = async (rest: string, values: readonly unknown[]): Promise<InboxRow[]> => {
    const found = await rows<Record<keyof InboxRow, string | null>>(
      select(`message_id as messageId, consumer, source, verdict, reason, result, ${iso('received_at')} as receivedAt
from ${t.inbox}
${rest}`),
      values,
    );
    return found.map((row) => ({ ...row, reason: parsed(row.reason), result: parsed(row.result) }) as InboxRow);
  };

  return {
    sample: async (source) => ({
      ...(await held(source)),
      ...(await open(source)),
      ...(await settled(source)),
      recorded: await recorded(source),
    }),
    words: async (source) => {
      const found = await rows<{ type: string; consumer: string }>(
        select(`distinct newest.type, d.consumer
from (select id, type, aggregatetype from ${t.message} order by id desc limit 1000) newest
join ${t.delivery} d on d.message_id = newest.id
where newest.aggregatetype = ? -- dashboard.words`),
        [source],
      );
      const each = (texts: string[]): string[] => [...new Set(texts)].sort();
      return { types: each(found.map(({ type }) => type)), consumers: each(found.map(({ consumer }) => consumer)) };
    },
    message: async (id) => {
      const [found] = await rows<{ payload: string; headers: string }>(
        select(`payload, headers from ${t.message} where id = ? -- dashboard.message`),
        [id.toLowerCase()],
      );
      return found && { payload: found.payload, headers: parsed(found.headers) as Record<string, string> | null };
    },
    caused: (id, source) =>
      rows(
        select(`later.id, later.type
from (select id, type, aggregatetype, headers from ${t.message} where id > ? order by id limit 1000) later
where later.aggregatetype = ?
  and json_unquote(json_extract(later.headers, '$.cloudEvents_causationid')) = ?
order by later.id
limit 20 -- dashboard.caused`),
        [id.toLowerCase(), source, id.toLowerCase()],
      ),
    followUps: (source) =>
      rows(
        select(
          `type, verdict, handler from ${t.followUp} where source = ? order by type, verdict limit 500 -- dashboard.follow-ups`,
        ),
        [source],
      ),
    handlers: (consumer) =>
      rows(
        select(
          `consumer, type, handler from ${t.handler} where consumer = ? order by type limit 500 -- dashboard.handlers`,
        ),
        [consumer],
      ),
    inboxOf: (id) =>
      inboxRows('where message_id = ?\norder by consumer, source\nlimit 50 -- dashboard.inbox-of', [id.toLowerCase()]),
    inbox: (verdict, before) =>
      inboxRows(
        `where (? is null or verdict = ?)
  and (? is null or received_at < cast(? as datetime(6)))
order by received_at desc, message_id desc
limit 50 -- dashboard.inbox`,
        [verdict, verdict, ...[before, before].map((time) => time?.replace('T', ' ').replace('Z', '') ?? null)],
      ),
  };
}

interface Counted {
  readonly consumer: string;
  readonly state: string;
  readonly count: unknown;
  /** Microseconds. */
  readonly old: unknown;
}

/** The limit is said twice: MariaDB reads the first, MySQL the second. */
function select(rest: string): string {
  return `/*M! set statement max_statement_time = ${STATEMENT_TIMEOUT_MS / 1_000} for */ select /*+ MAX_EXECUTION_TIME(${STATEMENT_TIMEOUT_MS}) */ ${rest}`;
}

const ago = (ms: number): string => `utc_timestamp(6) - interval ${ms * 1_000} microsecond`;
const age = (instant: string): string => `timestampdiff(microsecond, ${instant}, utc_timestamp(6))`;
const iso = (instant: string): string => `date_format(${instant}, '%Y-%m-%dT%H:%i:%s.%fZ')`;

/** In the window, or in the time that as many rows as are read took. */
function perSecond(count: number, oldestMs: number): number {
  return count / (Math.max(1, count >= RATE_ROWS ? oldestMs : RATE_MS) / 1_000);
}

/** As PostgreSQL's `percentile_cont`. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return low + (high - low) * (at - below);
}

function parsed(json: string | null): unknown {
  return typeof json === 'string' ? JSON.parse(json) : json;
}

function byConsumer(one: { to: string; state: string }, other: { to: string; state: string }): number {
  return one.to.localeCompare(other.to) || one.state.localeCompare(other.state);
}

function grouped<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}
