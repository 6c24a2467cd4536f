import { marks } from '@tallystick/services';
import { type Ask, checkWhileRunning } from '../invariants';
import type { Databases } from '../launcher';
import { Look } from './look';
import type { Picture, Row, Side, Station } from './page';

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

/** Looks into both databases, in SQL that every kind of them understands: each in one read-only transaction, which sees one moment. */
export class Pictures {
  private readonly looks: Readonly<Record<Side, Look>>;
  /** Messages have ids that grow with time: none of ours is smaller. */
  private readonly since = idOf(Date.now() - 60_000);

  constructor(
    databases: Databases,
    private readonly deposits: ReadonlyMap<string, number>,
    private readonly surroundings: Surroundings,
  ) {
    this.looks = { user: new Look(databases.user), order: new Look(databases.order) };
  }

  take(): Promise<Picture> {
    const { user, order } = this.looks;
    return user.atOneMoment((ofUser) => order.atOneMoment((ofOrder) => this.look({ user: ofUser, order: ofOrder })));
  }

  async close(): Promise<void> {
    await Promise.all([this.looks.user.close(), this.looks.order.close()]);
  }

  /** Outside of any transaction: sees what is committed. */
  now(side: Side): Ask {
    return this.looks[side].now;
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
         from (select id from outbox_message where id >= ? order by id desc limit ${DRAWN}) m
         join outbox_delivery d on d.message_id = m.id
        order by m.id desc`,
      [this.since],
    );
  }

  private async decided(ask: Ask, drawn: readonly Drawn[]): Promise<Set<string>> {
    const ids = drawn.map(({ id }) => id);
    const rows = await ask<{ id: string }>(
      `select message_id as id from inbox_message where message_id in (${marks(ids)})`,
      ids,
    );
    return new Set(rows.map(({ id }) => id));
  }

  private async usersTables(
    ask: Ask,
    drawn: readonly Drawn[],
  ): Promise<Pick<Picture['tables'], 'users' | 'purchases' | 'outbox_delivery'>> {
    const ids = [...this.deposits.keys()].slice(-SHOWN).reverse();
    const users = await ask<{ id: string; name: string; balance: unknown }>(
      `select id, name, balance from users where id in (${marks(ids)})`,
      ids,
    );
    const purchases = await ask<Row>(
      `select id, sku, quantity, amount, status, reason from purchases where id >= ? order by id desc limit ${SHOWN}`,
      [this.since],
    );
    return {
      users: users
        .sort((one, other) => ids.indexOf(one.id) - ids.indexOf(other.id))
        .map(({ name, balance }) => ({ name, balance: Number(balance) })),
      purchases: purchases.map((row) => ({ ...row, amount: Number(row.amount) })),
      outbox_delivery: drawn
        .slice(0, SHOWN)
        .map(({ id, state, attempts, verdict }) => ({ message_id: id, state, attempts, verdict })),
    };
  }

  private async ordersTables(
    ask: Ask,
    drawn: readonly Drawn[],
  ): Promise<Pick<Picture['tables'], 'stock' | 'orders' | 'inbox_message'>> {
    const skus = `select distinct sku from orders where id >= ?`;
    const ids = drawn.map(({ id }) => id);
    const orders = await ask<Row>(
      `select id, sku, quantity, amount from orders where id >= ? order by id desc limit ${SHOWN}`,
      [this.since],
    );
    const inbox = await ask<Row & { reason: unknown }>(
      `select message_id, verdict, reason from inbox_message where message_id in (${marks(ids)}) order by message_id desc limit ${SHOWN}`,
      ids,
    );
    return {
      stock: await ask<Row>(`select sku, quantity from stock where sku in (${skus}) order by sku limit ${SHOWN}`, [
        this.since,
      ]),
      orders: orders.map((row) => ({ ...row, amount: Number(row.amount) })),
      inbox_message: inbox.map((row) => ({ ...row, reason: codeOf(row.reason) })),
    };
  }

  private async counters({ user, order }: { user: Ask; order: Ask }): Promise<Picture['counters']> {
    const users = [...this.deposits.keys()];
    const [bought] = await user<Record<'purchases' | 'undecided' | 'completed' | 'refunded' | 'again', unknown>>(
      `select count(*) as purchases, ${counted(`p.status = 'pending'`)} as undecided,
              ${counted(`p.status = 'completed'`)} as completed, ${counted(`p.status = 'refunded'`)} as refunded,
              ${counted('d.attempts > 1')} as again
         from purchases p
         left join outbox_delivery d on d.message_id = p.message_id
        where p.user_id in (${marks(users)})`,
      users,
    );
    const [ordered] = await order<{ orders: unknown }>(
      `select count(*) as orders from orders where user_id in (${marks(users)})`,
      users,
    );
    const { purchases, undecided, completed, refunded, again } = bought!;
    return {
      ...{ purchases: Number(purchases), open: Number(undecided), completed: Number(completed) },
      ...{ refunded: Number(refunded), again: Number(again), orders: Number(ordered!.orders) },
    };
  }
}

const counted = (condition: string): string => `sum(case when ${condition} then 1 else 0 end)`;

/** JSON is text in MariaDB. */
function codeOf(reason: unknown): string | null {
  const { code } = ((typeof reason === 'string' ? JSON.parse(reason) : reason) ?? {}) as { code?: string };
  return code ?? null;
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
