import { Pool, type PoolClient } from 'pg';
import { numbered } from '@tallystick/services';
import { type Ask, checkWhileRunning } from '../invariants';
import type { Databases } from '../launcher';
import type { Picture, Row, Side, Station } from './page';

/** Long for any statement here. */
const STATEMENT_TIMEOUT_MS = 2_000;
/** Messages that are drawn: as many as have room at one station. */
const DRAWN = 64;
/** Rows that are shown of a table. */
const SHOWN = 6;

/** What is seen without the databases. */
export interface Surroundings {
  running(): Record<Side, boolean>;
  /** Undefined where there is no broker; null while it does not answer. */
  queues(): Promise<Picture['queues']>;
}

interface Drawn {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly verdict: string | null;
}

/** Looks into both databases, in plain SQL: each in one read-only transaction, which sees one moment. */
export class Pictures {
  private readonly pools: Readonly<Record<Side, Pool>>;
  /** Messages have ids that grow with time: none of ours is smaller. */
  private readonly since = idOf(Date.now() - 60_000);

  constructor(
    databases: Databases,
    private readonly deposits: ReadonlyMap<string, number>,
    private readonly surroundings: Surroundings,
  ) {
    this.pools = { user: poolOf(databases.user), order: poolOf(databases.order) };
  }

  take(): Promise<Picture> {
    return atOneMoment(this.pools.user, (user) => atOneMoment(this.pools.order, (order) => this.look({ user, order })));
  }

  async close(): Promise<void> {
    await Promise.all([this.pools.user.end(), this.pools.order.end()]);
  }

  /** Outside of any transaction: sees what is committed. */
  now(side: Side): Ask {
    return async <R extends object>(sql: string, values: readonly unknown[] = []) =>
      (await this.pools[side].query<R>(numbered(sql), [...values])).rows;
  }

  private async look(asks: Readonly<Record<Side, Ask>>): Promise<Picture> {
    const invariants = await checkWhileRunning({ ...asks, userNow: this.now('user') }, this.deposits, this.since);
    const drawn = await this.drawn(asks.user);
    const decided = await this.decided(asks.order, drawn);
    return {
      running: this.surroundings.running(),
      messages: drawn.map(({ id, state }) => ({ id, at: stationOf(state, decided.has(id)) })),
      tables: { ...(await this.usersTables(asks.user, drawn)), ...(await this.ordersTables(asks.order, drawn)) },
      counters: await this.counters(asks),
      queues: await this.surroundings.queues(),
      invariants,
    };
  }

  private drawn(ask: Ask): Promise<Drawn[]> {
    return ask<Drawn>(
      `select m.id, d.state, d.attempts, d.verdict
         from (select id from outbox_message where id >= $1 order by id desc limit ${DRAWN}) m
         join outbox_delivery d on d.message_id = m.id
        order by m.id desc`,
      [this.since],
    );
  }

  private async decided(ask: Ask, drawn: readonly Drawn[]): Promise<Set<string>> {
    const rows = await ask<{ id: string }>('select message_id as id from inbox_message where message_id = any($1)', [
      drawn.map(({ id }) => id),
    ]);
    return new Set(rows.map(({ id }) => id));
  }

  private async usersTables(
    ask: Ask,
    drawn: readonly Drawn[],
  ): Promise<Pick<Picture['tables'], 'users' | 'purchases' | 'outbox_delivery'>> {
    const users = [...this.deposits.keys()].slice(-SHOWN).reverse();
    return {
      users: await ask<Row>(
        'select name, balance::float8 from users where id = any($1::uuid[]) order by array_position($1::uuid[], id)',
        [users],
      ),
      purchases: await ask<Row>(
        `select id, sku, quantity, amount::float8, status, reason from purchases where id >= $1 order by id desc limit ${SHOWN}`,
        [this.since],
      ),
      outbox_delivery: drawn
        .slice(0, SHOWN)
        .map(({ id, state, attempts, verdict }) => ({ message_id: id, state, attempts, verdict })),
    };
  }

  private async ordersTables(
    ask: Ask,
    drawn: readonly Drawn[],
  ): Promise<Pick<Picture['tables'], 'stock' | 'orders' | 'inbox_message'>> {
    const skus = `select distinct sku from orders where id >= $1`;
    return {
      stock: await ask<Row>(`select sku, quantity from stock where sku in (${skus}) order by sku limit ${SHOWN}`, [
        this.since,
      ]),
      orders: await ask<Row>(
        `select id, sku, quantity, amount::float8 from orders where id >= $1 order by id desc limit ${SHOWN}`,
        [this.since],
      ),
      inbox_message: await ask<Row>(
        `select message_id, verdict, reason ->> 'code' as reason from inbox_message where message_id = any($1) order by message_id desc limit ${SHOWN}`,
        [drawn.map(({ id }) => id)],
      ),
    };
  }

  private async counters({ user, order }: { user: Ask; order: Ask }): Promise<Picture['counters']> {
    const users = [...this.deposits.keys()];
    const [bought] = await user<Omit<Picture['counters'], 'orders'>>(
      `select count(*)::int as purchases, count(*) filter (where p.status = 'pending')::int as open,
              count(*) filter (where p.status = 'completed')::int as completed,
              count(*) filter (where p.status = 'refunded')::int as refunded,
              count(*) filter (where d.attempts > 1)::int as again
         from purchases p
         left join outbox_delivery d on d.message_id = p.message_id
        where p.user_id = any($1)`,
      [users],
    );
    const [ordered] = await order<{ orders: number }>(
      'select count(*)::int as orders from orders where user_id = any($1)',
      [users],
    );
    return { ...bought!, ...ordered! };
  }
}

/** A verdict is in the inbox before anybody has heard of it. */
export function stationOf(state: string, decided: boolean): Station {
  switch (state) {
    case 'completed':
    case 'delivered':
      return 'completed';
    case 'compensated':
      return 'refunded';
    case 'parked':
    case 'discarded':
      return 'parked';
    case 'pending':
      return decided ? 'decided' : 'recorded';
    default:
      return decided ? 'decided' : 'sent';
  }
}

/** The smallest UUID of version 7 of that time. */
export function idOf(ms: number): string {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

function poolOf(connectionString: string): Pool {
  const pool = new Pool({
    connectionString,
    application_name: 'tallystick-demo',
    max: 2,
    connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
  });
  return pool.on('error', () => {}); // whoever looks next is told
}

async function atOneMoment<T>(pool: Pool, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(
      `begin transaction isolation level repeatable read read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    );
    return await work(asking(client));
  } finally {
    await client.query('rollback').then(
      () => client.release(),
      (error: Error) => client.release(error),
    );
  }
}

function asking(client: PoolClient): Ask {
  return async <R extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<R>(numbered(sql), [...values])).rows;
}
