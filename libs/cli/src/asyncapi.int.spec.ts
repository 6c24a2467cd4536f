import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { type Run, runTallystick } from './terminal.fixture';

describe('asyncapi', () => {
  let url: string;

  beforeAll(async () => {
    url = await testDatabase('asyncapi');
    await runTallystick(['migrate', '--database-url', url]);
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`
      insert into outbox_message (id, aggregatetype, type, payload) values
        ('018f0000-0000-7000-8000-000000000001', 'shop', 'order.requested', '{}'), ('018f0000-0000-7000-8000-000000000002', 'shop', 'user.registered', '{}');
      insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at) values
        ('018f0000-0000-7000-8000-000000000001', 'orders', 'pending', 0, 'none', now()), ('018f0000-0000-7000-8000-000000000002', '*', 'pending', 0, 'none', now());
      insert into inbox_handler (consumer, type, handler) values ('shop', 'stock.low', 'Stock.low')`);
    await client.end();
  });
  afterAll(() => connectTestPostgres().dropDatabase(url));

  const run = (...args: string[]): Promise<Run> => runTallystick(['asyncapi', ...args], { env: { DATABASE_URL: url } });

  it('tells from the database what goes to whom, and what is handled', async () => {
    const { code, out } = await run('--service', 'shop', '--api-version', '2.0.0');
    expect(code).toBe(0);
    const { asyncapi, info, operations } = JSON.parse(out) as { asyncapi: string; info: object; operations: object };
    expect({ asyncapi, info }).toMatchObject({ asyncapi: '3.1.0', info: { title: 'shop', version: '2.0.0' } });
    expect(Object.keys(operations)).toEqual([
      'cancel.orders',
      'receive.cancel',
      'receive.stock.low',
      'send.orders.order.requested',
      'send.user.registered',
    ]);
  });

  it('takes the payloads from a module of contracts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tallystick-asyncapi-'));
    const file = join(folder, 'contracts.js');
    await writeFile(
      file,
      `class OrderRequested {}
       Object.defineProperty(OrderRequested, Symbol.for('tallystick.contract'), { value: { contract: OrderRequested, type: 'order.requested', consumers: ['orders'] } });
       module.exports = { OrderRequested, more: 1 };`,
    );
    const { code, out } = await run('--service', 'shop', '--contracts', file);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      components: { messages: { 'order.requested': { payload: { type: 'object', properties: {} } } } },
    });
    await rm(folder, { recursive: true });
  });

  it('asks whose interface is meant', async () => {
    expect(await run()).toMatchObject({ code: 1, said: expect.stringContaining('--service') });
  });
});
