import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KINDS, ServiceDatabase } from './service-database.fixture';
import { type Run, runTallystick } from './terminal.fixture';

describe.each(KINDS)('asyncapi, on %s', (kind) => {
  let database: ServiceDatabase;

  beforeAll(async () => {
    database = await ServiceDatabase.create(kind, 'asyncapi');
    await database.delivery({ source: 'shop', consumer: 'orders' });
    await database.delivery({ source: 'shop', consumer: '*', type: 'user.registered' });
    await database.handler('shop', 'stock.low');
  });
  afterAll(() => database.drop());

  const run = (...args: string[]): Promise<Run> =>
    runTallystick(['asyncapi', ...args], { env: { DATABASE_URL: database.url } });

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
