import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type ConfirmChannel } from 'amqplib';
import { Client } from 'pg';
import { Cleanup, testBroker, testDatabase } from '@tallystick/services';
import { audit } from './audit';
import { type Fixture, startFixture } from './fixture';
import { proxied } from './proxied';
import { count, query } from './query';

/**
 * Why an outbox at all? A purchase takes money from an account (PostgreSQL) and asks another service for an order
 * (RabbitMQ). No transaction spans the two. So there are two orders in which it can be done, and both are wrong:
 *
 * - publish, then commit: when the commit fails, somebody makes an order that nobody paid for. A **ghost**.
 * - commit, then publish: when the process dies between the two, somebody has paid for nothing. A **loss**.
 *
 * Both failures are real ones here: a rule of the database that is checked at commit, and a process that is killed. Then
 * the same two failures meet user-service, which writes the message into its own database, in the same transaction.
 *
 * Read it from top to bottom: what is expected of each of the four stands in its title, and the numbers in the code are
 * the order that is tried. With tables to look at it is the first chapter of the lab, docs/lab/01-lost-money.md and docs/zh/01-lost-money.md.
 */
describe('without an outbox', () => {
  const cleanup = new Cleanup();
  let databaseUrl: string;
  let amqpUrl: string;
  let database: Client;
  let channel: ConfirmChannel;

  beforeEach(async () => {
    databaseUrl = await testDatabase('why');
    database = new Client({ connectionString: databaseUrl });
    await database.connect();
    cleanup.defer(() => database.end());
    // A limited edition, one per customer. PostgreSQL looks at a deferred rule when the transaction commits.
    await database.query(`
      create table accounts (customer text primary key, balance int not null);
      create table purchases (customer text unique deferrable initially deferred);
      insert into accounts values ('ada', 1000)`);

    amqpUrl = await testBroker('why');
    const broker = await connect(amqpUrl);
    cleanup.defer(() => broker.close());
    channel = await broker.createConfirmChannel();
    await channel.assertQueue('orders', { durable: true });
  });
  afterEach(() => cleanup.run());

  it('publish, then commit: a commit that fails leaves a ghost, an order that nobody paid for', async () => {
    async function purchase(customer: string): Promise<void> {
      await database.query('begin');
      try {
        // 1. Take the money.
        await database.query('update accounts set balance = balance - 100 where customer = $1', [customer]);
        await database.query('insert into purchases values ($1)', [customer]);
        // 2. Ask for the order.
        channel.sendToQueue('orders', Buffer.from(customer), { persistent: true });
        await channel.waitForConfirms();
        // 3. Commit: only here it turns out that she has bought one before.
        await database.query('commit');
      } catch (error) {
        await database.query('rollback');
        throw error;
      }
    }

    await purchase('ada');
    await expect(purchase('ada')).rejects.toThrow('purchases_customer_key');
    expect(await paid()).toBe(1);
    expect(await ordersAskedFor()).toBe(2); // ← the ghost
  });

  it('commit, then publish: a process that dies between the two loses the message, and the money', async () => {
    // A program of its own, because it has to die. `mishap` is anything: out of memory, a deployment, a power cut.
    const purchase = (mishap: string): string => `
      const { Client } = require('pg');
      const { connect } = require('amqplib');
      (async () => {
        const database = new Client({ connectionString: process.env.DATABASE_URL });
        await database.connect();
        const channel = await (await connect(process.env.AMQP_URL)).createConfirmChannel();
        // 1. Take the money.
        await database.query('begin');
        await database.query("update accounts set balance = balance - 100 where customer = 'ada'");
        await database.query("insert into purchases values ('ada')");
        // 2. Commit: from here on it is hers.
        await database.query('commit');
        ${mishap}
        // 3. Ask for the order.
        channel.sendToQueue('orders', Buffer.from('ada'), { persistent: true });
        await channel.waitForConfirms();
        process.exit();
      })();`;

    expect(await run(purchase("process.kill(process.pid, 'SIGKILL');"))).toBe('SIGKILL');
    expect(await paid()).toBe(1);
    expect(await ordersAskedFor()).toBe(0); // ← the loss, and nobody will ever know

    await database.query('delete from purchases');
    expect(await run(purchase('/* nothing happens */'))).toBe(0); // it does work on a good day
    expect(await ordersAskedFor()).toBe(1);
  });

  /** @returns the exit code, or the signal that killed it */
  async function run(program: string): Promise<number | NodeJS.Signals> {
    const child = spawn(process.execPath, ['-e', program], {
      cwd: __dirname, // where it finds pg and amqplib
      env: { ...process.env, DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal ?? code!;
  }

  function paid(): Promise<number> {
    return count(databaseUrl, 'select count(*)::int as count from purchases');
  }

  async function ordersAskedFor(): Promise<number> {
    return (await channel.checkQueue('orders')).messageCount;
  }
});

/** The rule of the limited edition for user-service; a trigger, because its INSERT cannot meet a deferred unique key. */
const ONE_PER_CUSTOMER = `
  create function one_per_customer() returns trigger language plpgsql as $$
  begin
    if (select count(*) from purchases where user_id = new.user_id and sku = new.sku) > 1 then
      raise exception 'one per customer';
    end if;
    return null;
  end $$;
  create constraint trigger one_per_customer after insert on purchases
    deferrable initially deferred for each row execute function one_per_customer()`;

describe('with an outbox', () => {
  const cleanup = new Cleanup();
  let fixture: Fixture;
  let userId: string;
  afterEach(() => cleanup.run());

  it('a commit that fails leaves nothing: the message was a row of the same transaction', async () => {
    await open(await testBroker('why'));
    await query(fixture.databaseUrls.user, ONE_PER_CUSTOMER);

    const first = await buy();
    expect(first.status).toBe(202);
    expect((await buy()).status).toBe(500); // 3. the commit fails, as it did above …
    await fixture.shop.settled(first.body.id);
    expect(await ordersAndMessages()).toEqual({ orders: 1, messages: 1 }); // … and there is no ghost
    await expectPromiseKept();
  }, 240_000);

  it('a process that dies right after its commit loses nothing: the message is sent when it is back', async () => {
    const { url, proxy } = await proxied(await testBroker('why'));
    cleanup.defer(() => proxy.close());
    await open(url);

    proxy.freeze('up'); // nothing that is published leaves the house …
    const { status, body } = await buy();
    expect(status).toBe(202); // … but the commit is acknowledged
    await fixture.services.user.kill('SIGKILL'); // and the process dies, as it did above
    proxy.cut(); // with every byte it had still to say
    proxy.thaw();
    expect(await ordersAndMessages()).toEqual({ orders: 0, messages: 1 }); // what was lost above is a row here

    await fixture.services.user.start(); // and waits until the lease of its dead self has run out: 30 seconds
    expect(await fixture.shop.settled(body.id, 120_000)).toMatchObject({ status: 'completed' });
    expect(await ordersAndMessages()).toEqual({ orders: 1, messages: 1 });
    await expectPromiseKept();
  }, 240_000);

  async function open(amqpUrl: string): Promise<void> {
    fixture = cleanup.stopLater(await startFixture({ transport: { amqpUrl } }));
    userId = await fixture.shop.createUser(1_000);
    await fixture.shop.setStock('tally-stick', 10);
  }

  function buy(): ReturnType<Fixture['shop']['purchase']> {
    return fixture.shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 100 });
  }

  async function ordersAndMessages(): Promise<{ orders: number; messages: number }> {
    const { user, order } = fixture.databaseUrls;
    return {
      orders: await count(order, 'select count(*)::int as count from orders'),
      messages: await count(user, 'select count(*)::int as count from outbox_message'),
    };
  }

  async function expectPromiseKept(): Promise<void> {
    const { databaseUrls } = fixture;
    expect(await audit({ databaseUrls, deposited: 1_000, stocked: 10 })).toEqual([]);
  }
});
