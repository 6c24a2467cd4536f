import { outboxSchemaSql, outboxTables } from '@tallystick/outbox';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { dashboardSql } from './statements';

const FINAL = 20_000;
const SOURCE = 'shop';

/** Of a plan, all the tables that it reads from one end to the other. */
function wholeTables(plan: object): string[] {
  const { 'Node Type': node, 'Relation Name': table, Plans = [] } = plan as Record<string, unknown>;
  const mine = node === 'Seq Scan' ? [String(table)] : [];
  return [...mine, ...(Plans as object[]).flatMap(wholeTables)];
}

describe('What the page asks of tables that are full of what is final', () => {
  let url: string;
  let client: Client;
  const sql = dashboardSql(outboxTables());

  beforeAll(async () => {
    url = await testDatabase('statements');
    client = new Client(url);
    await client.connect();
    await client.query(outboxSchemaSql());
    await client.query(`
with ids as (select ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id, n from generate_series(1, ${FINAL}) n),
messages as (
  insert into outbox_message (id, aggregatetype, type, payload, created_at)
  select id, '${SOURCE}', 'order.requested', '{}', now() - interval '1 day' from ids
)
insert into outbox_delivery (message_id, consumer, state, attempts, next_at, follow_up, verdict, settled_at)
select id, 'warehouse', case when n % 1000 = 0 then 'pending' else 'completed' end, 1,
  case when n % 1000 = 0 then now() - interval '5 s' end, 'none',
  case when n % 1000 = 0 then null else 'accepted' end, case when n % 1000 = 0 then null else now() - interval '1 day' end
from ids`);
    await client.query('analyze');
  });
  afterAll(async () => {
    await client.end();
    await connectTestPostgres().dropDatabase(url);
  });

  const id = '018f0000-0000-7000-8000-000000000007';
  it.each([
    ['sample', [SOURCE]],
    ['words', [SOURCE]],
    ['message', [id]],
    ['caused', [id, SOURCE]],
    ['inboxOf', [id]],
  ] as const)('reads no table from one end to the other: %s', async (name, values) => {
    // Small tables are read whole because that is cheaper: these are not.
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: object }[] }>(`explain (format json) ${sql[name]}`, [
      ...values,
    ]);
    const found = wholeTables(rows[0]!['QUERY PLAN'][0]!.Plan);
    expect(found.filter((table) => ['outbox_message', 'outbox_delivery'].includes(table))).toEqual([]);
  });

  it('counts what is open, per consumer and state, and nothing that is final', async () => {
    const { rows } = await client.query<{ open: unknown; settled: unknown; recorded: number; capped: boolean }>(
      sql.sample,
      [SOURCE],
    );
    expect(rows[0]).toMatchObject({
      open: [{ to: 'warehouse', state: 'pending', count: FINAL / 1000 }],
      settled: [],
      recorded: 0,
      capped: false,
    });
  });

  it('tells how long it took, of what got its verdict in the last minute', async () => {
    const took = async (): Promise<unknown> =>
      (await client.query<{ took: unknown }>(sql.sample, [SOURCE])).rows[0]!.took;
    expect(await took()).toBeNull();
    await client.query(`
with chosen as (
  select id, row_number() over (order by id) as n from outbox_message order by id limit 101
), settled as (
  update outbox_delivery d set settled_at = now() from chosen where d.message_id = chosen.id
)
update outbox_message m set created_at = now() - chosen.n * interval '1 ms' from chosen where m.id = chosen.id`);
    expect(await took()).toEqual({ p50Ms: 51, p95Ms: 96, of: 101 });
  });

  it('tells what is paused, and how far the jobs are that run', async () => {
    await client.query(`
insert into outbox_pause (source, consumer, type, actor, reason, since)
values ('${SOURCE}', 'warehouse', '', 'ada', 'it moves', '2026-01-01T00:00:00Z'), ('another', '', '', 'grace', 'x', now())`);
    await client.query(`
insert into outbox_job (source, id, state, verb, filter, actor, force, rate, matching, last_id, last_consumer, changed, refused, refusals, leased_until)
select '${SOURCE}', ('018f0000-0000-7000-8000-00000000000' || n)::uuid, state, 'retry', 'state:parked', 'ada', false, 200, 9,
  '018f0000-0000-7000-8000-000000000001', 'x', n, 0, '[]', now() + lease
from (values (1, 'running', interval '30 s'), (2, 'done', interval '30 s'), (3, 'running', interval '-1 s')) job (n, state, lease)`);
    const { rows } = await client.query(sql.sample, [SOURCE]);
    expect(rows[0]).toMatchObject({
      paused: [{ to: 'warehouse', since: '2026-01-01T00:00:00.000000Z', by: 'ada', reason: 'it moves' }],
      running: [{ id: '018f0000-0000-7000-8000-000000000001', changed: 1, refused: 0 }],
    });
  });

  it('tells the rate of the last two seconds', async () => {
    // The largest ids there are, so that they are the newest.
    await client.query(`
insert into outbox_message (id, aggregatetype, type, payload)
select ('ffffffff' || substr(gen_random_uuid()::text, 9))::uuid, '${SOURCE}', 'order.requested', '{}'
from generate_series(1, 10)`);
    const { rows } = await client.query<{ recorded: number }>(sql.sample, [SOURCE]);
    expect(rows[0]!.recorded).toBe(5);
  });
});
