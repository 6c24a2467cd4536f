import type { INestApplication } from '@nestjs/common';
import { memory } from '@tallystick/outbox/testing';
import { Cleanup, connectTestPostgres, findMariaDb, testDatabase, until } from '@tallystick/services';
import type { Delivery, Half, Machinery, Me, Sample, Whole } from './page';
import { type RunningShop, startShop, startWarehouse } from './shop.fixture';
import { Views } from './views';

/** What the page shows is the same, whichever kind of database the services keep their tables in. */
describe.each(['PostgreSQL', 'MariaDB'] as const)('What the page shows of services on %s', (kind) => {
  const cleanup = new Cleanup();
  let running: RunningShop;
  let warehouse: INestApplication;

  beforeAll(async () => {
    const urls = kind === 'PostgreSQL' ? await ofPostgres() : await ofMariaDb();
    const transport = memory();
    warehouse = await startWarehouse({ databaseUrl: urls[1]!, transport });
    running = await startShop({
      ...{ databaseUrl: urls[0]!, transport },
      dashboard: { inboxes: { warehouse: urls[1]! }, environment: 'a test' },
    });
  });
  afterAll(async () => {
    await running.app.close();
    await warehouse.close();
    await cleanup.run();
  });

  async function ofPostgres(): Promise<string[]> {
    const urls = [await testDatabase('shop'), await testDatabase('warehouse')];
    for (const url of urls) cleanup.defer(() => connectTestPostgres().dropDatabase(url));
    return urls;
  }
  async function ofMariaDb(): Promise<string[]> {
    const server = cleanup.stopLater(await findMariaDb({ install: true }));
    return [await server.createDatabase(), await server.createDatabase()];
  }
  const json = async <T>(path: string): Promise<T> =>
    (await (await fetch(`http://127.0.0.1:${running.port}/outbox/api/${path}`)).json()) as T;
  const sample = (): Promise<Sample> => running.app.get(Views).sample();
  async function bought(sku: string, state: string): Promise<string> {
    const id = await running.shop.buy(sku);
    await until(`it is ${state}`, async () => {
      const [found] = await json<Delivery[]>(`deliveries?filter=id:${id}`);
      return found?.state === state;
    });
    return id;
  }

  it('is both halves of a message, its payload, and what came of it', async () => {
    const id = await bought('sold-out', 'compensated');
    const whole = await json<Whole>(`message?id=${id.toUpperCase()}`);
    const reason = { code: 'OUT_OF_STOCK', message: 'The last one is gone.', details: { sku: 'sold-out' } };
    expect(whole).toMatchObject({
      deliveries: [{ messageId: id, consumer: 'warehouse', state: 'compensated', verdict: 'rejected', reason }],
      payload: { sku: 'sold-out', customer: { name: 'Ada', email: 'ada@example.com' } },
      headers: {},
      caused: [],
    });
    const row = { messageId: id, consumer: 'warehouse', source: 'shop', verdict: 'rejected', result: null };
    expect(whole.halves).toEqual([
      { inbox: '', rows: [] },
      {
        inbox: 'warehouse',
        rows: [{ ...row, reason, receivedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/) }],
      },
    ]);
  });

  it('is an inbox, verdict by verdict and page by page', async () => {
    const accepted = await bought('tally-stick', 'completed');
    const { rows } = await json<Half>('inbox?of=warehouse&verdict=accepted');
    expect(rows[0]).toMatchObject({ messageId: accepted, verdict: 'accepted', reason: null, result: { shelf: 'A7' } });
    const { rows: all } = await json<Half>('inbox?of=warehouse');
    const { rows: earlier } = await json<Half>(`inbox?of=warehouse&before=${all[0]!.receivedAt}`);
    expect(earlier).toEqual(all.slice(1));
    expect(await json<Half>('inbox')).toEqual({ inbox: '', rows: [] });
  });

  it('is what the service knows by name, and what it has', async () => {
    await bought('tally-stick', 'completed');
    expect(await json<Me>('me')).toMatchObject({
      ...{ service: 'shop', environment: 'a test', inboxes: ['', 'warehouse'] },
      ...{ types: ['parcel.requested'], consumers: ['warehouse'] },
    });
    expect(await json<Machinery>('machinery')).toMatchObject({
      followUps: [{ type: 'parcel.requested', verdict: 'rejected', handler: expect.stringContaining('refund') }],
      handlers: [],
    });
  });

  it('is how much is open and settled, how long it took, and what is paused', async () => {
    const post = (path: string, body: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${running.port}/outbox/api/${path}`, {
        ...{ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) },
      });
    await bought('tally-stick', 'completed');
    const just = await sample();
    expect(just).toMatchObject({ open: [], paused: [], running: [], capped: false });
    expect(just.recorded).toBeGreaterThan(0);
    expect(just.settled).toContainEqual({ to: 'warehouse', state: 'completed', perSecond: expect.any(Number) });
    expect(just.took!.p95Ms).toBeGreaterThanOrEqual(just.took!.p50Ms);
    expect(just.took!.p50Ms).toBeGreaterThan(0);
    expect(Math.abs(Date.parse(just.at) - Date.now())).toBeLessThan(60_000);

    expect((await post('pause', { to: 'warehouse', reason: 'it moves' })).status).toBe(200);
    const held = await running.shop.buy('tally-stick');
    const { open, paused } = await sample();
    expect(open).toEqual([{ to: 'warehouse', state: 'pending', count: 1, oldestDueMs: expect.any(Number) }]);
    expect(paused).toEqual([
      { to: 'warehouse', by: 'loopback', reason: 'it moves', since: expect.stringMatching(/\.\d{6}Z$/) },
    ]);
    expect((await post('resume', { to: 'warehouse' })).status).toBe(200);
    await until('it goes on', async () => (await sample()).open.length === 0);
    const [after] = await json<Delivery[]>(`deliveries?filter=id:${held}`);
    expect(after!.state).toBe('completed');
  });
});
