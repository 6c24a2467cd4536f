import { Cleanup, connectTestPostgres, testBroker, testDatabase } from '@tallystick/services';
import { audit } from './audit';
import { query } from './query';
import { Shop } from './shop';
import { startServices } from './start-services';

const TABLES = { user: ['users', 'purchases'], order: ['stock', 'orders'] };

describe('services whose database role may read and write rows, and nothing else', () => {
  const cleanup = new Cleanup();
  afterAll(() => cleanup.run(), 60_000);

  it('start on tables that somebody else has made, sell and refund', async () => {
    const owners = { user: await testDatabase('user'), order: await testDatabase('order') };
    const transport = { amqpUrl: await testBroker('services') };
    await (await startServices({ databaseUrls: owners, transport })).stop(); // runs the migrations
    const databaseUrls = { user: await asWriter(owners.user, 'user'), order: await asWriter(owners.order, 'order') };
    for (const url of Object.values(databaseUrls)) {
      await expect(query(url, 'create table mine ()')).rejects.toThrow('permission denied');
      await expect(query(url, 'drop table outbox_message')).rejects.toThrow('must be owner');
    }

    const services = cleanup.stopLater(await startServices({ databaseUrls, transport }));

    const shop = new Shop(services.user.url, services.order.url);
    const userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 1);
    for (const status of ['completed', 'refunded']) {
      const { body } = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
      expect(await shop.settled(body.id)).toMatchObject({ status });
    }
    expect(await audit({ databaseUrls: owners, deposited: 1_000, stocked: 1 })).toEqual([]);
  }, 180_000);

  /** What docs/operations.md grants, and the application's own tables. @returns the url to connect as that role */
  async function asWriter(owner: string, side: 'user' | 'order'): Promise<string> {
    const url = new URL(owner);
    const role = `writer_of_${url.pathname.slice(1)}`.slice(0, 63);
    const own = ['outbox_message', 'outbox_delivery', 'outbox_history', 'inbox_message', 'outbox_pause', 'outbox_job'];
    const rows = [...own, ...TABLES[side]].join(', ');
    await query(owner, `create role "${role}" login password 'writer'`);
    cleanup.defer(async () => {
      await query(owner, `drop owned by "${role}"`);
      await query(connectTestPostgres().url(), `drop role "${role}"`);
    });
    await query(owner, `grant select, insert, update, delete on ${rows} to "${role}"`);
    await query(owner, `grant select, insert on outbox_follow_up, inbox_handler, outbox_audit to "${role}"`);
    await query(owner, `grant select on outbox_schema, migrations to "${role}"`);
    await query(owner, `grant usage on sequence outbox_order to "${role}"`);
    return Object.assign(url, { username: role, password: 'writer' }).href;
  }
});
