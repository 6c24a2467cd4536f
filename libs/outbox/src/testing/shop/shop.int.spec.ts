import { connectTestPostgres, TcpProxy, testDatabase, until } from '@tallystick/services';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { type FaultPlan, fates } from '../memory/fates';
import { retryingConflicts } from '../../concurrency/conflict';
import { type IsolationLevel, MessageAlreadyRecordedError } from '../../index';
import { postgresFaults } from '../../transactions';
import { type Moment, PurchaseMade, type Shop, ShopFixture, type ShopOptions, STARTING } from './shop.fixture';

const LEVELS: IsolationLevel[] = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'];
const pick = <T>(list: readonly T[], index: number): T => list[index % list.length]!;

/** Every few publishes something goes wrong: lost, doubled, late, in doubt. */
function unreliable(): FaultPlan {
  let publishes = 0;
  return () => {
    publishes += 1;
    if (publishes % 11 === 0) return fates.lost();
    if (publishes % 7 === 0) return fates.unknown(0, 30);
    return publishes % 3 === 0 ? fates.duplicated() : undefined;
  };
}

describe('A service on PostgreSQL', () => {
  let fixture: ShopFixture;

  async function open(options: ShopOptions = {}): Promise<Shop> {
    fixture = await ShopFixture.start(await testDatabase('shop'), options);
    return fixture.shops[0]!;
  }
  afterEach(() => fixture.stop());

  /** What a careful caller does: tries again, and takes "exists already" for the success it is. */
  async function buy(shop: Shop, index: number, isolation?: IsolationLevel, id = randomUUID()): Promise<string> {
    const wish = { account: pick(STARTING.accounts, index), sku: pick(STARTING.skus, index), isolation };
    await until(`purchase ${index} is recorded`, () =>
      shop.buy(id, wish).then(
        () => true,
        (error: { code?: string }) => error.code === '23505',
      ),
    );
    return id;
  }

  describe.each(LEVELS)('whose transactions are %s by default', (level) => {
    const settings = { default_transaction_isolation: level.toLowerCase() };

    it('keeps its books with two relays, hot rows, cancels and copies: nothing lost, nothing twice', async () => {
      await open({ settings, instances: 2, pieces: 12, faults: unreliable() });
      const purchases = Array.from({ length: 40 }, async (_, index) => {
        const shop = pick(fixture.shops, index);
        const id = await buy(shop, index);
        if (index % 8 === 0)
          await retryingConflicts(postgresFaults, () => shop.outbox.cancel(id, { reason: 'changed my mind' }));
      });
      await Promise.all(purchases);
      const { completed, refunded } = await fixture.booksBalance();
      expect(completed + refunded).toBe(40);
      expect(refunded).toBeGreaterThanOrEqual(40 - 2 * 12);
      expect(fixture.count('inbox.replayed')).toBeGreaterThan(0);
    });
  });

  describe.each(LEVELS)('in a transaction that asks for %s', (isolation) => {
    it('records with it or not at all, also when the caller has to run it again', async () => {
      const shop = await open();
      let tries = 0;
      shop.at.buying = async ({ manager }) => {
        tries += 1;
        expect(await manager.query('show transaction_isolation')).toEqual([
          { transaction_isolation: isolation.toLowerCase() },
        ]);
        if (tries === 1) throw Object.assign(new Error('as if somebody else had been faster'), { code: '40001' });
      };
      const id = randomUUID();
      await retryingConflicts(postgresFaults, () => shop.buy(id, { account: 'ada', sku: 'stick', isolation }));
      expect(tries).toBe(2);
      expect(await fixture.booksBalance()).toEqual({ completed: 1, refunded: 0 });
    });

    it('refuses an id that exists, and forgets what was recorded beside it', async () => {
      const shop = await open();
      const id = await buy(shop, 0, isolation);
      await shop.outbox.waitForVerdict(id);
      await fixture.owner.query('truncate purchase');
      await expect(shop.buy(id, { account: 'ada', sku: 'stick', isolation })).rejects.toThrow(
        MessageAlreadyRecordedError,
      );
      await fixture.owner.query("insert into purchase values ($1, 'ada')", [id]);
      expect(await fixture.booksBalance()).toEqual({ completed: 1, refunded: 0 });
    });

    it('cancels with it or not at all, and sees its own cancel', async () => {
      const shop = await open();
      shop.at.shipping = () => {
        throw new Error('not before it is cancelled');
      };
      const id = await buy(shop, 0);
      const asked = (commit: boolean): Promise<unknown> =>
        until('no receipt comes between', async () => {
          const work = shop.transactions.run(
            async () => {
              const { deliveries } = await shop.outbox.cancel(id, { reason: 'changed my mind' });
              expect(deliveries).toMatchObject([{ state: 'cancelling' }]);
              if (!commit) throw new Error('changed it back');
            },
            { isolation },
          );
          const error: { code?: string; message?: string } = await work.catch((e: Error) => e).then((e) => e ?? {});
          return error.code !== '40001';
        });
      await asked(false);
      expect((await shop.outbox.status(id))!.deliveries[0]!.state).not.toBe('cancelling');
      await asked(true);
      expect(await fixture.booksBalance()).toEqual({ completed: 0, refunded: 1 });
    });
  });

  it('says no verdict when a handler swallows a SQL error, and has none of its work', async () => {
    const shop = await open();
    let failures = 2;
    shop.at.shipping = async ({ manager }) => {
      if (failures-- > 0) await manager.query('insert into account (id) values (null)').catch(() => {});
    };
    await buy(shop, 0);
    expect(await fixture.booksBalance()).toEqual({ completed: 1, refunded: 0 });
    expect(fixture.count('inbox.deferred')).toBe(2);
  });

  describe('that never hears what became of a COMMIT', () => {
    let proxy: TcpProxy;
    beforeEach(async () => {
      const database = new URL(await testDatabase('probe'));
      proxy = new TcpProxy({ targetPort: Number(database.port) });
      await proxy.listen();
    });
    afterEach(() => proxy.close());

    it.each<[Moment, 'cutBefore' | 'cutAfter']>([
      ['buying', 'cutBefore'],
      ['buying', 'cutAfter'],
      ['shipping', 'cutBefore'],
      ['shipping', 'cutAfter'],
      ['completing', 'cutBefore'],
      ['completing', 'cutAfter'],
    ])('while %s (%s): one effect on each side', async (moment, action) => {
      const shop = await open({ port: proxy.port });
      let tripped: Promise<void> | undefined;
      shop.at[moment] = () => {
        tripped ??= proxy.onceUpstreamContains('COMMIT', action);
      };
      await buy(shop, 0);
      expect(await fixture.booksBalance()).toEqual({ completed: 1, refunded: 0 });
      await tripped;
    });
  });

  it('goes on while its connections are ended under it, at any moment', async () => {
    await open({ instances: 2, faults: unreliable() });
    let ended = 0;
    let buying = true;
    const ender = (async () => {
      // Not without end: on a slow machine no purchase would get through. And not beyond the test: on a closed DataSource
      // the loop would fail at once, for ever, and let nothing else run.
      while (ended < (buying ? 60 : 20) && fixture.owner.isInitialized) {
        const rows: unknown[] = await fixture.owner
          .query(
            `
          select pg_terminate_backend(pid)
          from (
            select pid
            from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
            order by random()
            limit 1
          ) victim`,
          )
          .catch(() => []); // through a pooler it may be handed a connection that has just been ended
        ended += rows.length;
      }
    })();
    for (let round = 0; round < 4; round++)
      await Promise.all(Array.from({ length: 10 }, (_, index) => buy(pick(fixture.shops, index), index)));
    buying = false;
    await ender;
    expect(await fixture.booksBalance()).toEqual({ completed: 40, refunded: 0 });
  });

  describe('whose work takes too long', () => {
    it.each<Moment>(['shipping', 'completing'])(
      'while %s: the statement ends with its transaction and locks, the place is free, and nothing is written later',
      async (moment) => {
        const shop = await open({ handlerTimeout: 1_000, poolSize: 1 });
        let late: Promise<unknown>[] | undefined;
        shop.at[moment] = async ({ manager }) => {
          if (late) return;
          const client = (await manager.queryRunner!.connect()) as { query(sql: string): Promise<unknown> };
          const ruin = 'update account set balance = 0';
          const stuck = manager.query('select pg_sleep(600)');
          // It looks at no signal, and goes on with whatever it got hold of.
          late = [stuck, stuck.catch(() => manager.query(ruin)), stuck.catch(() => client.query(ruin))];
          await Promise.all(late);
        };
        await buy(shop, 0);
        await buy(shop, 1);
        expect(await fixture.booksBalance()).toEqual({ completed: 2, refunded: 0 });
        expect((await Promise.allSettled(late!)).map(({ status }) => status)).toEqual(late!.map(() => 'rejected'));
        const sleeping = `select from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid() and state = 'active'`;
        await until('nothing sleeps', async () => (await fixture.owner.query(sleeping)).length === 0);
        const held = shop.dataSource.query('select 1 as one');
        await expect(held).resolves.toEqual([{ one: 1 }]);
      },
    );
  });

  it.each<Moment>(['shipping', 'completing'])(
    'can be closed while %s waits for the database without end',
    async (moment) => {
      const shop = await open({ handlerTimeout: 600_000, shutdownTimeout: 500 });
      const waiting = new Promise<void>((resolve) => {
        shop.at[moment] = ({ manager }) => {
          resolve();
          return manager.query('select pg_sleep(600)');
        };
      });
      await buy(shop, 0);
      await waiting;
      await fixture.close();
      // Else its locks would stand in the way of the next process.
      const sleeping = `select from pg_stat_activity where query like '%pg_sleep(600)%' and datname = current_database() and pid <> pg_backend_pid() and state = 'active'`;
      await until('nothing sleeps', async () => (await fixture.owner.query(sleeping)).length === 0);
    },
    60_000,
  );

  describe('whose sessions become useless', () => {
    /** On every connection that the shop's DataSource has now. */
    async function everywhere(shop: Shop, sql: string): Promise<void> {
      const { master } = shop.dataSource.driver as unknown as { master: Pool };
      const clients = await Promise.all(Array.from({ length: master.totalCount }, () => master.connect()));
      await Promise.all(clients.map((client) => client.query(sql)));
      for (const client of clients) client.release();
    }
    const buyMany = (shop: Shop): Promise<unknown> =>
      Promise.all(Array.from({ length: 8 }, (_, index) => buy(shop, index)));
    const wish = { account: 'ada', sku: 'stick' };

    it('by a failover that leaves them read-only: no purchase fails, and no handler is put off', async () => {
      // Past the pooler, if there is one: its sessions are everybody's.
      fixture = await ShopFixture.start(await connectTestPostgres().createDatabase());
      const shop = fixture.shops[0]!;
      await buyMany(shop);
      await fixture.booksBalance();
      await everywhere(shop, 'set session characteristics as transaction read only');
      for (let index = 0; index < 10; index++) await shop.buy(randomUUID(), wish);
      expect(await fixture.booksBalance()).toEqual({ completed: 18, refunded: 0 });
      expect(fixture.count('inbox.deferred')).toBe(0);
    });

    it.each(['discard all', 'deallocate all'])('by %s: each is replaced, and then nothing fails', async (reset) => {
      const shop = await open();
      await buyMany(shop);
      await fixture.booksBalance();
      await everywhere(shop, reset);
      await buyMany(shop);
      await fixture.booksBalance();
      expect(fixture.count('inbox.deferred')).toBe(0);
      await everywhere(shop, reset);
      for (let index = 0; index < 5; index++) await shop.buy(randomUUID(), wish);
      expect(await fixture.booksBalance()).toEqual({ completed: 21, refunded: 0 });
    });

    it.each([
      [
        'types of columns change',
        [
          'alter table inbox_message alter verdict type text, alter source type text',
          'alter table outbox_message alter type type text, alter aggregatetype type text, alter aggregateid type text',
          'alter table outbox_delivery alter attempts type bigint, alter verdict type text, alter last_error type varchar(100000)',
        ],
      ],
      [
        'columns are added',
        ['inbox_message', 'outbox_message', 'outbox_delivery', 'outbox_follow_up'].map(
          (table) => `alter table ${table} add note text not null default 'none'`,
        ),
      ],
    ])('by a rolling upgrade: %s under traffic', async (_, upgrade) => {
      const shop = await open({ instances: 2 });
      const [first, second] = fixture.shops as [Shop, Shop];
      await buyMany(first);
      for (const statement of upgrade) {
        const traffic = Promise.all([buyMany(first), buyMany(second)]);
        await until('it is done', () =>
          fixture.owner.query(statement).then(
            () => true,
            (error: { code?: string }) => {
              if (error.code === '40P01') return false;
              throw error;
            },
          ),
        );
        await traffic;
      }
      await shop.buy(randomUUID(), wish);
      expect(await fixture.booksBalance()).toEqual({ completed: 9 + 16 * upgrade.length, refunded: 0 });
    });
  });

  it('needs no second connection while it holds one: a pool of one serves ten handlers', async () => {
    const shop = await open({ poolSize: 1 });
    await Promise.all(Array.from({ length: 30 }, (_, index) => buy(shop, index)));
    expect(await fixture.booksBalance()).toEqual({ completed: 30, refunded: 0 });
  });

  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
  ])('sends neither early nor late when the clock of its process is %s', async (_, offMs) => {
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + offMs);
    try {
      const shop = await open();
      const later = await shop.transactions.run(async (manager) => {
        const purchase = randomUUID();
        await manager.query("insert into purchase (id, account) values ($1, 'ada')", [purchase]);
        return shop.outbox.add(PurchaseMade, { purchase, sku: 'stick' }, { id: purchase, delay: '30m' });
      });
      await shop.outbox.waitForVerdict(await buy(shop, 0));
      expect((await shop.outbox.status(later.id))!.deliveries).toMatchObject([{ state: 'pending', attempts: 0 }]);
    } finally {
      jest.restoreAllMocks();
    }
  });
});
