import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { ACCEPTED, newMessage, Scenario, SOURCE } from '../../testing/store-contract-scenario';
import { poolFrom } from './index';
import { PostgresFixture } from './postgres.fixture';
import { outboxSql } from './sql/outbox';
import { searchSql } from './sql/search';
import type { Statement } from './database';
import type { MarkRow } from '../../ports/store';

/** A node of EXPLAIN's JSON, with what is asked of it here. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

const CLAIM = { leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source: 'user-service' };

/** So often a prepared statement is planned before PostgreSQL may take a plan for any values. */
const PLANNED_FIRST = 5;

describe('What PostgreSQL makes of the statements', () => {
  let fixture: PostgresFixture;
  const sql = () => outboxSql(fixture.tables);

  beforeAll(async () => {
    fixture = await PostgresFixture.start();
    // The planner knows what a test tells it, and nothing that autovacuum has seen meanwhile.
    for (const table of ['outbox_message', 'outbox_delivery', 'outbox_history'])
      await fixture.owner.query(`alter table ${table} set (autovacuum_enabled = off)`);
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  const explain = async ({ text }: Pick<Statement, 'text'>, values: readonly unknown[]): Promise<PlanNode[]> => {
    const { rows } = await fixture.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>({
      text: `explain (analyze, format json) ${text}`,
      values: [...values],
    });
    return flat(rows[0]!['QUERY PLAN'][0].Plan);
  };

  describe('with 100,000 rows waiting for receipts and five that are due', () => {
    beforeEach(async () => {
      await fixture.owner.query(`
        with message as (
          insert into outbox_message (id, aggregatetype, type, payload)
          select gen_random_uuid(), 'user-service', 'order.requested', '{}' from generate_series(1, 100005)
          returning id
        )
        insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at)
        select id, 'order-service', 'sent', 1, 'none',
          clock_timestamp() + (case when row_number() over () <= 5 then -1 else 1 end) * interval '1 hour'
        from message`);
      await fixture.owner.query(`
        insert into outbox_history (message_id, consumer, entries)
        select message_id, consumer, '[{"number": 1, "what": "send-failed", "at": "2026-01-01T00:00:00Z"}]'
        from outbox_delivery limit 10000`);
    });

    it.each(['before', 'after'])(
      'looks at due rows only, through the index, %s the tables were analysed',
      async (when) => {
        if (when === 'after') await fixture.owner.query('analyze outbox_message, outbox_delivery');
        const plan = await explain(sql().claim, [[], 100, 20, randomUUID(), 30_000, 1e9, 'user-service']);
        const due = plan.find((node) => node['Index Name'] === 'outbox_delivery_due');
        expect(due?.['Index Cond']).toContain('next_at <=');
        expect(plan.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
      },
    );

    it('reads one entry of the index to tell for how long the oldest has been due', async () => {
      const plan = await explain(sql().oldestDue, [SOURCE]);
      const due = plan.find((node) => node['Index Name'] === 'outbox_delivery_due');
      expect(due?.['Actual Rows']).toBe(1);
      expect(plan.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    });

    it('reads no more than the first entries of two indexes to tell what is open', async () => {
      const plan = await explain(sql().sample, [SOURCE, 60_000, 100]);
      expect(plan.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
      const [due] = plan.filter((node) => node['Index Name'] === 'outbox_delivery_due');
      expect(due?.['Actual Rows']).toBeLessThanOrEqual(100);
      expect(plan.map((node) => node['Index Name'])).toContain('outbox_delivery_parked');
    });

    it('finds the rows of a batch by their key', async () => {
      const keys: { message_id: string }[] = await fixture.owner.query(
        'select message_id from outbox_delivery limit 50',
      );
      const ids = keys.map((row) => row.message_id);
      const all = <T>(value: T): T[] => ids.map(() => value);
      const plans = [
        await explain(sql().mark, [
          ids,
          all('order-service'),
          all(randomUUID()),
          all('sent'),
          all(1),
          all(null),
          all(null),
        ]),
        await explain(sql().closeMany, [
          ids,
          all('order-service'),
          all('accepted'),
          all(null),
          all(null),
          all('5e'.repeat(32)),
        ]),
        await explain(sql().closeOne, [ids[0], 'order-service', 'accepted', null, null, '5e'.repeat(32)]),
      ];
      for (const plan of plans) {
        expect(plan.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
        expect(plan.some((node) => node['Index Name'] === 'outbox_delivery_pkey')).toBe(true);
      }
    });

    it.each([
      ['anything', {}, 'outbox_delivery_pkey'],
      ['what is parked', { states: ['parked'] }, 'outbox_delivery_parked'],
      ['a type', { type: 'order.*' }, 'outbox_delivery_pkey'],
      ['a consumer', { to: 'order-service' }, 'outbox_delivery_pkey'],
      ['one message', { id: randomUUID() }, 'outbox_delivery_pkey'],
    ] as const)('searches the newest of %s along an index, and sorts nothing', async (_what, criteria, index) => {
      await fixture.owner.query('analyze outbox_message, outbox_delivery');
      const after = { messageId: 'ffffffff-ffff-ffff-ffff-ffffffffffff', consumer: 'x' };
      for (const page of [{ limit: 50 }, { limit: 50, after }]) {
        const search = searchSql(fixture.tables, SOURCE, criteria, page);
        const plan = await explain(search, search.values());
        expect(plan.some((node) => node['Index Name'] === index)).toBe(true);
        expect(plan.filter(({ 'Node Type': type }) => ['Seq Scan', 'Sort'].includes(type))).toEqual([]);
      }
    });

    it('reads no table from end to end to find what to prune', async () => {
      const plan = await explain(sql().prune, [SOURCE, 1e9, 100]);
      expect(plan.some((node) => node['Index Name'] === 'outbox_delivery_prunable')).toBe(true);
      expect(plan.some((node) => node['Index Name'] === 'outbox_history_pkey')).toBe(true);
      expect(plan.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    });
  });

  describe('with 20,000 rows that are due and 20,000 that may be pruned', () => {
    /** Of a table as it was long ago the planner knows how it was. */
    const analyse = () => fixture.owner.query('analyze outbox_message, outbox_delivery');
    beforeEach(async () => {
      await analyse();
      await fixture.owner.query(`
        with message as (
          insert into outbox_message (id, aggregatetype, type, payload)
          select gen_random_uuid(), 'user-service', 'order.requested', '{}' from generate_series(1, 40000)
          returning id
        )
        insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at, settled_at)
        select id, 'order-service', case when final then 'delivered' else 'pending' end, 1, 'none',
          case when not final then clock_timestamp() - interval '1 hour' end,
          case when final then clock_timestamp() - interval '1 hour' end
        from (select id, row_number() over () % 2 = 0 as final from message) added`);
    });

    it.each(['before', 'after'])('stops at its limit, %s the tables were analysed', async (when) => {
      if (when === 'after') await analyse();
      const claim = await explain(sql().claim, [[], 100, 20, randomUUID(), 30_000, 1e9, SOURCE]);
      const prune = await explain(sql().prune, [SOURCE, 1000, 100]);
      expect(claim.find((node) => node['Index Name'] === 'outbox_delivery_due')?.['Actual Rows']).toBe(100);
      expect(prune.find((node) => node['Index Name'] === 'outbox_delivery_prunable')?.['Actual Rows']).toBe(100);
    });
  });

  describe('with 100,000 rows that are due and paused', () => {
    const claim = (limit: number): unknown[] => [[], limit, 20, randomUUID(), 30_000, 1e9, SOURCE];
    const rowsRead = (plan: PlanNode[]): number =>
      plan
        .filter((node) => node['Relation Name'] === 'outbox_delivery' && node['Node Type'] !== 'ModifyTable')
        .reduce((most, node) => Math.max(most, node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)), 0);
    beforeEach(() =>
      fixture.owner.query(`
        with message as (
          insert into outbox_message (id, aggregatetype, type, payload)
          select gen_random_uuid(), 'user-service', 'order.requested', '{}' from generate_series(1, 100000)
          returning id
        )
        insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at)
        select id, 'order-service', 'pending', 0, 'none', clock_timestamp() - interval '1 hour'
        from message`),
    );

    it.each([
      ['everything', {}],
      ['its consumer', { to: 'order-service' }],
      ['its type', { type: 'order.requested' }],
    ])('a claim reads as many as its limit, and the next ones not again, with a pause of %s', async (_what, target) => {
      const { outbox } = fixture;
      await outbox.pause(SOURCE, target, { by: 'ada', reason: 'their database moves' });
      for (const when of ['before', 'after']) {
        if (when === 'after') await fixture.owner.query('analyze outbox_message, outbox_delivery, outbox_pause');
        const plan = await explain(sql().claim, claim(500));
        expect(plan.find((node) => node['Index Name'] === 'outbox_delivery_due')?.['Actual Rows']).toBe(500);
        expect(rowsRead(plan)).toBe(500);
      }
      let held = 1_000;
      for (let took = 5_000; took > 0; held += took) {
        const result = await outbox.claim({ ...CLAIM, limit: 5_000, leaseToken: randomUUID() });
        expect([result.deliveries, result.parked]).toEqual([[], []]);
        took = result.held;
      }
      expect(held).toBe(100_000);
      const plan = await explain(sql().claim, claim(500));
      expect(rowsRead(plan)).toBe(0);
      expect(plan.find((node) => node['Index Name'] === 'outbox_delivery_due')?.['Index Cond']).toContain('next_at <=');
    });
  });

  describe('with 100,000 rows of one key that are to be in order, and due', () => {
    beforeEach(() =>
      fixture.owner.query(`
        with message as (
          insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
          select gen_random_uuid(), 'user-service', 'user-1', 'order.requested', '{}' from generate_series(1, 100000)
          returning id
        )
        insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at, order_key, order_no)
        select id, 'order-service', 'pending', 0, 'none', clock_timestamp() - interval '1 hour', 'user-service user-1', row_number() over ()
        from message`),
    );

    it.each(['before', 'after'])(
      'finds who is before a row, and who is next, by the index of turns, %s the tables were analysed',
      async (when) => {
        if (when === 'after') await fixture.owner.query('analyze outbox_message, outbox_delivery');
        const claim = await explain(sql().claim, [[], 100, 20, randomUUID(), 30_000, 1e9, SOURCE]);
        expect(claim.find((node) => node['Index Name'] === 'outbox_delivery_due')?.['Actual Rows']).toBe(100);
        expect(claim.some((node) => node['Index Name'] === 'outbox_delivery_turn')).toBe(true);
        expect(
          claim.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'outbox_delivery'),
        ).toEqual([]);

        const { rows } = await fixture.pool.query<{ message_id: string }>(`
          update outbox_delivery
          set state = 'discarded', next_at = null, lease_token = null, settled_at = clock_timestamp()
          where order_no = (select min(order_no) from outbox_delivery)
          returning message_id`);
        const lease = [randomUUID(), 30_000, 1e9];
        const looks = await explain(sql().nextTurn, [[rows[0]!.message_id], ['order-service'], ...lease]);
        expect(turnsOf(looks)).toEqual([[1, 0]]);

        const { rows: line } = await fixture.pool.query<{ message_id: string }>(
          'select message_id from outbox_delivery where settled_at is null order by order_no limit 2',
        );
        const [first, second] = line.map(({ message_id }) => [
          message_id,
          'order-service',
          'accepted',
          null,
          null,
          null,
        ]);
        // What it makes final itself is still there for it, and is passed over.
        for (const [statement, values] of [
          [sql().closeAndTake, first!.map((value) => [value])],
          [sql().closeOneAndTake, second!],
        ] as const)
          expect(turnsOf(await explain(statement, [...values, ...lease]))).toEqual([[1, 1]]);
      },
    );
  });

  it.each([
    '',
    'hashjoin',
    'mergejoin',
    'nestloop',
    'hashjoin mergejoin',
    'hashjoin nestloop',
    'mergejoin nestloop',
    'material hashjoin',
  ])('keeps the limit of a claim whatever way it joins (without: %s)', async (without) => {
    const kinds = without.split(' ').filter(Boolean);
    const url = await fixture.urlWith(Object.fromEntries(kinds.map((kind) => [`enable_${kind}`, 'off'])));
    const pool = poolFrom(new DataSource({ type: 'postgres', url }), { max: 1 });
    try {
      const store = fixture.store(pool);
      await fixture.transactions.run((tx) =>
        store.add(
          tx,
          Array.from({ length: 200 }, () => newMessage()),
        ),
      );
      const claimed = new Set<string>();
      for (let round = 0; round < 5; round++) {
        const { deliveries } = await store.claim({ ...CLAIM, limit: 7, leaseToken: randomUUID() });
        expect(deliveries).toHaveLength(7);
        for (const { messageId } of deliveries) claimed.add(messageId);
      }
      expect(claimed.size).toBe(35);
    } finally {
      await pool.end();
    }
  });

  it('plans what is prepared a few times and then no more, with however few it is asked', async () => {
    const direct = await PostgresFixture.start({ direct: true }); // a pooler would hand out several sessions
    const pool = poolFrom(direct.dataSource, { max: 1 });
    try {
      await direct.owner.query(`
        with message as (
          insert into outbox_message (id, aggregatetype, type, payload)
          select gen_random_uuid(), 'user-service', 'order.requested', '{}' from generate_series(1, 20000)
          returning id
        )
        insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, settled_at)
        select id, 'order-service', 'delivered', 1, 'none', clock_timestamp() from message`);
      await direct.owner.query('analyze outbox_message, outbox_delivery');
      const store = direct.store(pool);
      const s = new Scenario({ ...direct, outbox: store, inbox: store.inbox, advance: (ms) => direct.advance(ms) });
      const lease = { leaseToken: randomUUID(), leaseMs: 30_000, giveUpAfterMs: 1e9 };
      for (let round = 0; round < 2 * PLANNED_FIRST; round++) {
        const key = await s.pending();
        await s.mark(await s.claimOnly(key), { kind: 'sent', waitMs: 60_000 });
        await store.closeMany([{ ...key, answer: ACCEPTED }]);
        const [first, second] = [await s.pending({ ordered: true }), await s.pending({ ordered: true })];
        await s.claimOnly(first);
        const [closed] = await store.closeMany([{ ...first, answer: ACCEPTED }], lease);
        expect(closed?.next).toMatchObject(second);
        const others = [await s.pending(), await s.pending()].map((other) => ({ ...other, answer: ACCEPTED }));
        await store.closeMany(others);
        await store.closeMany([{ ...second, answer: ACCEPTED }, ...others], lease);
      }
      const { rows } = await pool.query<{ name: string; custom: number }>(
        'select name, custom_plans::int as custom, generic_plans::int as generic from pg_prepared_statements',
      );
      expect(rows.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          'outbox.mark',
          'outbox.close-one',
          'outbox.close-many',
          'outbox.next-turn',
          'outbox.close-one-and-take',
          'outbox.close-and-take',
        ]),
      );
      expect(rows.filter(({ custom }) => custom > PLANNED_FIRST)).toEqual([]);
    } finally {
      await pool.end();
      await direct.stop();
    }
  });

  it('lets many shuffled batches over the same rows pass without a deadlock', async () => {
    const store = fixture.outbox;
    for (let round = 0; round < 10; round++) {
      await fixture.empty();
      await fixture.transactions.run((tx) =>
        store.add(
          tx,
          Array.from({ length: 300 }, () => newMessage()),
        ),
      );
      const { deliveries } = await store.claim({ ...CLAIM, limit: 300, leaseToken: randomUUID() });
      const rows: MarkRow[] = deliveries.map(({ messageId, consumer, leaseToken }) => ({
        messageId,
        consumer,
        leaseToken,
        mark: { kind: 'sent', waitMs: 60_000 },
      }));
      const answer = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;
      await Promise.all([
        ...Array.from({ length: 3 }, () => store.mark(shuffled(rows))),
        ...Array.from({ length: 3 }, () => store.closeMany(shuffled(rows).map((row) => ({ ...row, answer })))),
        store.claim({ ...CLAIM, limit: 300, leaseToken: randomUUID() }),
        store.prune(SOURCE, 0, 100),
      ]);
    }
  });
});

/** What is read of the index of turns, and how much of it for nothing; the table is not read besides. */
function turnsOf(nodes: readonly PlanNode[]): (number | undefined)[][] {
  expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  return nodes
    .filter((node) => node['Index Name'] === 'outbox_delivery_turn')
    .map((node) => [node['Actual Rows'], node['Rows Removed by Filter'] ?? 0]);
}

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}
