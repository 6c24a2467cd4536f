import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { OutboxOperations } from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { connectTestPostgres, testDatabase, until } from '@tallystick/services';
import { DataSource } from 'typeorm';
import type { AuditRecord, Delivery, BulkJob, Me, Pause, Sample, Whole } from './page';
import { startProxy } from './proxy.fixture';
import { LINES_TO_ADD } from './refusal';
import { type RunningShop, type ShopSetting, startShop } from './shop.fixture';

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Not fetch: it does not let one say who the host is, or where a request comes from. */
function ask(
  port: number,
  path: string,
  more: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answered> {
  const { method = 'GET', headers = {}, body } = more;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const WRITES = ['actions', 'bulk', 'jobs/stop', 'jobs/resume', 'pause', 'resume'];

describe('The dashboard', () => {
  let databaseUrl: string;
  let running: RunningShop | undefined;
  beforeAll(async () => {
    execFileSync(process.execPath, [join(__dirname, '../build.mjs')]);
    databaseUrl = await testDatabase('dashboard');
  });
  afterEach(async () => {
    await running?.app.close();
    running = undefined;
  });
  afterAll(() => connectTestPostgres().dropDatabase(databaseUrl));

  /** `memory()` without anybody who listens: messages wait, or are given up after a second. */
  const start = async (more: Partial<ShopSetting> = {}): Promise<RunningShop> =>
    (running = await startShop({ databaseUrl, transport: memory(), ...more }));
  const json = async <T>(path: string, headers = {}): Promise<T> =>
    JSON.parse((await ask(running!.port, path, { headers })).text) as T;
  const post = async <T>(path: string, body: object): Promise<{ status: number; body: T }> => {
    const { status, text } = await ask(running!.port, `/outbox/api/${path}`, {
      method: 'POST',
      headers: JSON_TYPE,
      body,
    });
    return { status, body: JSON.parse(text) as T };
  };
  const parked = async (): Promise<Delivery> => {
    const id = await running!.shop.buy('nobody');
    let found: Delivery[] = [];
    await until('it is parked', async () => {
      found = await json(`/outbox/api/deliveries?filter=id:${id}+state:parked`);
      return found.length === 1;
    });
    return found[0]!;
  };

  describe.each(['express', 'fastify'] as const)('in %s', (framework) => {
    it('serves its page, script and style, of no other origin, and asks a browser to keep to that', async () => {
      const { port } = await start({ framework });
      expect(await ask(port, '/outbox')).toMatchObject({ status: 308, headers: { location: 'outbox/' } });
      for (const [file, type] of Object.entries({
        '': 'text/html',
        'app.js': 'text/javascript',
        'app.css': 'text/css',
      })) {
        const { status, headers, text } = await ask(port, `/outbox/${file}`);
        expect([status, headers['content-type']]).toEqual([200, `${type}; charset=utf-8`]);
        expect(headers['content-security-policy']).toMatch(/^default-src 'self';/);
        expect(text).not.toMatch(/(src|href)="\/|url\(["']?http|@import/);
        const again = await ask(port, `/outbox/${file}`, { headers: { 'If-None-Match': headers.etag! } });
        expect([again.status, again.text]).toEqual([304, '']);
      }
      expect((await ask(port, '/outbox/api/nothing')).status).toBe(404);
    });

    it('stays at its path under a global prefix', async () => {
      const { port } = await start({ framework, prefix: 'v1', dashboard: { path: '/ops/outbox' } });
      expect((await ask(port, '/ops/outbox/')).status).toBe(200);
      expect(await json('/ops/outbox/api/me')).toMatchObject({ service: 'shop', may: 'operate', name: 'loopback' });
      expect((await ask(port, '/v1/ops/outbox/')).status).toBe(404);
    });

    it('does what it is asked, and keeps who asked', async () => {
      await start({ framework, dashboard: { authorize: () => ({ may: 'operate', name: 'ada@example.com' }) } });
      const { messageId } = await parked();
      const action = {
        verb: 'discard',
        targets: [{ id: messageId, to: 'warehouse' }],
        reason: 'no such shelf',
        force: true,
      };
      const answer = await ask(running!.port, '/outbox/api/actions', {
        method: 'POST',
        headers: JSON_TYPE,
        body: action,
      });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { changed: 1, refused: [] }]);
      const again = await ask(running!.port, '/outbox/api/actions', {
        method: 'POST',
        headers: JSON_TYPE,
        body: action,
      });
      expect(JSON.parse(again.text)).toMatchObject({
        changed: 0,
        refused: [{ why: expect.stringContaining('discarded') }],
      });
      const [entry] = await json<AuditRecord[]>('/outbox/api/audit');
      expect(entry).toMatchObject({ actor: 'ada@example.com', verb: 'discard', changed: 1, reason: 'no such shelf' });
      const { history } = await json<Whole>(`/outbox/api/message?id=${messageId}`);
      expect(history.at(-1)).toMatchObject({ what: 'discarded', by: 'ada@example.com', why: 'no such shelf' });
    });

    it('refuses writes of other sites, and those that are no JSON', async () => {
      const { port } = await start({ framework });
      const { messageId } = await parked();
      const body = { verb: 'discard', targets: [{ id: messageId, to: 'warehouse' }], reason: 'a trick', force: true };
      const write = async (headers: Record<string, string>): Promise<number> =>
        (await ask(port, '/outbox/api/actions', { method: 'POST', headers, body })).status;
      expect(await write({ ...JSON_TYPE, 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
      expect(await write({ ...JSON_TYPE, 'Sec-Fetch-Site': 'same-site' })).toBe(403);
      expect(await write({ ...JSON_TYPE, Origin: 'http://evil.example' })).toBe(403);
      expect([403, 415]).toContain(await write({ 'Content-Type': 'text/plain' }));
      expect(await json(`/outbox/api/deliveries?filter=id:${messageId}+state:parked`)).toHaveLength(1);
      expect(await write({ ...JSON_TYPE, 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
      for (const path of WRITES) {
        const headers = { ...JSON_TYPE, 'Sec-Fetch-Site': 'cross-site' };
        const { status, text } = await ask(port, `/outbox/api/${path}`, { method: 'POST', headers, body: {} });
        expect([path, status, text]).toEqual([path, 403, expect.stringContaining('another site')]);
      }
    });

    it('asks authorize for everything, and lets somebody who may only look change nothing', async () => {
      const { port } = await start({
        framework,
        dashboard: { authorize: ({ headers }) => (headers['x-token'] === 'let me see' ? 'read' : false) },
      });
      for (const path of ['', '/', '/app.js', '/api/me', '/api/stream', '/api/audit'])
        expect((await ask(port, `/outbox${path}`)).status).toBe(403);
      const headers = { 'X-Token': 'let me see' };
      expect(await json<Me>('/outbox/api/me', headers)).toMatchObject({ may: 'read' });
      for (const path of WRITES) {
        const asked = { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: {} };
        const { status, text } = await ask(port, `/outbox/api/${path}`, asked);
        expect([path, status, text]).toEqual([path, 403, expect.stringContaining('may look')]);
      }
    });

    it('streams what is open once a second, and lets the service stop while somebody watches', async () => {
      const { port, shop } = await start({ framework });
      await shop.buy('nobody');
      const stream = watch(port);
      await until('somebody is told', () => Promise.resolve(stream.told.length > 1), { timeoutMs: 20_000 });
      expect(stream.told[0]!.open).toContainEqual(expect.objectContaining({ to: 'warehouse' }));
      await running!.app.close();
      running = undefined;
      await stream.ended;
    });
  });

  function watch(port: number): { told: Sample[]; ended: Promise<unknown> } {
    const told: Sample[] = [];
    const ended = new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path: '/outbox/api/stream' }, (response) => {
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          for (const [, data] of text.matchAll(/^data: (.*)$/gm))
            told.push((JSON.parse(data!) as { sample: Sample }).sample);
        });
        response.on('close', resolve);
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end();
    });
    return { told, ended };
  }

  describe('without authorize', () => {
    it.each([
      ['through a proxy on the same machine', { 'X-Forwarded-For': '203.0.113.7' }],
      ['by a name that somebody else gave this machine', { Host: 'evil.example' }],
    ])('refuses whoever comes %s, and shows the lines to add', async (_, headers: Record<string, string>) => {
      const { port } = await start();
      const { status, text } = await ask(port, '/outbox/', { headers: { ...headers, Accept: 'text/html' } });
      expect(status).toBe(403);
      expect(text).toContain('authorize: (request)');
      expect(text).not.toContain('shop');
      expect((await ask(port, '/outbox/api/me', { headers })).text).toContain('authorize');
    });

    it('believes no header about where somebody is', async () => {
      const { port } = await start();
      expect((await ask(port, '/outbox/', { headers: { 'X-Forwarded-For': '127.0.0.1' } })).status).toBe(403);
    });
  });

  it('works with the lines that its refusal shows', async () => {
    // The same text, run: what it hands to forRoot is handed to forRoot here.
    process.env.OPS_TOKEN = 'a secret of this test';
    const shown = new Function('OutboxDashboardModule', `return ${LINES_TO_ADD}`) as (module: unknown) => never;
    const { port } = await start({ dashboard: shown({ forRoot: (options: unknown) => options }) });
    expect((await ask(port, '/outbox/')).status).toBe(403);
    expect((await ask(port, '/outbox/', { headers: { 'X-Ops-Token': 'a secret of this test' } })).status).toBe(200);
    delete process.env.OPS_TOKEN;
  });

  it('shows what is paused, and how far a job is, with who asked for it', async () => {
    const { port, app, shop } = await start();
    const operations = app.get(OutboxOperations);
    await operations.pause({ to: 'warehouse', by: 'ada', reason: 'their database moves' });
    const paused = { to: 'warehouse', by: 'ada', reason: 'their database moves', since: expect.any(String) };
    const stream = watch(port);
    await until('somebody is told', () => Promise.resolve(stream.told.length > 0), { timeoutMs: 20_000 });
    expect(stream.told[0]!.paused).toEqual([paused]);
    const id = await shop.buy('nobody');
    await operations.bulk('cancel', { id }, { by: 'grace', reason: 'not wanted' });
    expect(await json<BulkJob[]>('/outbox/api/jobs')).toContainEqual(
      expect.objectContaining({
        verb: 'cancel',
        filter: `id:${id}`,
        by: 'grace',
        state: 'done',
        matching: 1,
        changed: 1,
      }),
    );
    await operations.resume({ to: 'warehouse' });
  });

  describe('for everything that a filter means', () => {
    const begin = (): Promise<RunningShop> =>
      start({ dashboard: { authorize: () => ({ may: 'operate', name: 'ada@example.com' }) } });
    const job = async (id: string): Promise<BulkJob> =>
      (await json<BulkJob[]>('/outbox/api/jobs')).find((each) => each.id === id)!;

    it('says what it would come to, does it in the background, and keeps who asked', async () => {
      const { shop } = await begin();
      for (let count = 0; count < 3; count++) await shop.buy('by-the-dozen');
      const preview = (verb: string, more = ''): Promise<unknown> =>
        json(`/outbox/api/preview?verb=${verb}&filter=key:by-the-dozen${more}`);
      expect(await preview('cancel')).toEqual({ matching: 3, changes: 3 });
      expect(await preview('cancel', '+state:final')).toEqual({ matching: 0, changes: 0 });

      const asked = { verb: 'cancel', filter: 'key:by-the-dozen', reason: 'nobody wants them' };
      const { status, body } = await post<BulkJob>('bulk', asked);
      expect([status, body]).toEqual([
        200,
        expect.objectContaining({ state: 'running', by: 'ada@example.com', matching: 3 }),
      ]);
      await until('it is done', async () => (await job(body.id)).state === 'done');
      expect(await job(body.id)).toMatchObject({ changed: 3, refused: 0, reason: 'nobody wants them' });
      expect(await preview('cancel')).toEqual({ matching: 3, changes: 0 });
      const [entry] = await json<AuditRecord[]>('/outbox/api/audit');
      expect(entry).toMatchObject({ actor: 'ada@example.com', verb: 'cancel', target: asked.filter, changed: 3 });
    });

    it('stops a job and goes on with it, says who did, and stops it with the service', async () => {
      const { app, shop } = await begin();
      for (let count = 0; count < 10; count++) await shop.buy('one-by-one');
      const slow = { by: 'grace', reason: 'wrong price', rate: 1 };
      const id = await new Promise<string>((resolve, reject) => {
        const onStart = (began: BulkJob): void => resolve(began.id);
        app
          .get(OutboxOperations)
          .bulk('cancel', 'key:one-by-one', { ...slow, onStart })
          .catch(reject);
      });
      expect(await post('jobs/stop', { id })).toMatchObject({ status: 200, body: { id, state: 'stopped' } });
      const [entry] = await json<AuditRecord[]>('/outbox/api/audit');
      expect(entry).toMatchObject({ actor: 'grace', reason: 'wrong price · stopped by ada@example.com' });
      expect(await post('jobs/stop', { id })).toMatchObject({
        status: 409,
        body: { problem: expect.stringContaining('is stopped') },
      });

      expect(await post('jobs/resume', { id })).toMatchObject({ status: 200, body: { id, state: 'running' } });
      await app.close();
      await begin();
      expect((await job(id)).state).toBe('stopped');
      const [last] = await json<AuditRecord[]>('/outbox/api/audit');
      expect(last).toMatchObject({ actor: 'grace', reason: 'wrong price · resumed by ada@example.com' });
    });

    it.each([
      [{ verb: 'retry', filter: ' ', reason: 'x' }, /filter must say which/],
      [{ verb: 'retry', filter: 'stat:parked', reason: 'x' }, /Did you mean state/],
      [{ verb: 'retry', filter: 'state:parked' }, /reason must say/],
    ])('begins nothing with %j', async (asked, says) => {
      await begin();
      expect(await post('bulk', asked)).toEqual({ status: 400, body: { problem: expect.stringMatching(says) } });
    });
  });

  it('pauses a consumer and resumes it, and keeps who asked', async () => {
    await start({ dashboard: { authorize: () => ({ may: 'operate', name: 'ada@example.com' }) } });
    const held = { to: 'warehouse', type: 'parcel.requested' };
    const { status, body } = await post<Pause>('pause', { ...held, reason: 'their database moves' });
    expect([status, body]).toEqual([200, expect.objectContaining({ ...held, by: 'ada@example.com' })]);
    expect(await post('resume', { to: 'warehouse', type: 'parcel.lost' })).toMatchObject({
      status: 409,
      body: { problem: expect.stringContaining('Paused is: to:warehouse type:parcel.requested') },
    });
    expect(await post('resume', held)).toEqual({ status: 200, body: { released: expect.any(Number) } });
    const [resumed, paused] = await json<AuditRecord[]>('/outbox/api/audit');
    expect(resumed).toMatchObject({ verb: 'resume', actor: 'ada@example.com', target: paused!.target });
    expect(paused).toMatchObject({ verb: 'pause', actor: 'ada@example.com', reason: 'their database moves' });
    expect(await post('pause', { to: 7, reason: 'x' })).toMatchObject({ status: 400 });
    expect(await post('pause', { to: 'warehouse' })).toMatchObject({ status: 400 });
  });

  it('asks the database once a second, however many look', async () => {
    const { port, app } = await start();
    const asked = jest.spyOn(app.get(DataSource), 'createQueryRunner');
    const [first, ...others] = Array.from({ length: 20 }, () => watch(port));
    await until(
      'everybody is told three times',
      () => Promise.resolve([first!, ...others].every(({ told }) => told.length >= 3)),
      { timeoutMs: 20_000 },
    );
    // One more may be under way.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(first!.told.length + 1);
    const looks = first!.told.map(({ at }) => at);
    for (const { told } of others) expect(looks).toEqual(expect.arrayContaining(told.map(({ at }) => at)));
  });

  it('hides fields of payloads, and lets nobody search for them', async () => {
    const { shop } = await start({ dashboard: { redact: ['customer.email'] } });
    const id = await shop.buy('nobody');
    const { payload } = await json<Whole>(`/outbox/api/message?id=${id}`);
    expect(payload).toEqual({ sku: 'nobody', customer: { name: 'Ada', email: '•••' } });
    for (const field of ['customer.email', 'customer'])
      expect(await json(`/outbox/api/deliveries?filter=data.${field}:x`)).toMatchObject({
        problem: expect.stringContaining('hidden'),
      });
    expect(await json<Delivery[]>(`/outbox/api/deliveries?filter=data.sku:nobody+id:${id}`)).toHaveLength(1);
    const guess = { verb: 'retry', filter: 'data.customer.email:ada@example.com', reason: 'a guess' };
    expect(await post('bulk', guess)).toMatchObject({
      status: 400,
      body: { problem: expect.stringContaining('hidden') },
    });
  });

  it('hides payloads altogether', async () => {
    const { shop } = await start({ dashboard: { redact: 'everything' } });
    const id = await shop.buy('nobody');
    const { text } = await ask(running!.port, `/outbox/api/message?id=${id}`);
    expect(text).not.toContain('ada@');
    expect(text).not.toContain('payload":');
    expect(await json('/outbox/api/count?filter=data.sku:nobody')).toMatchObject({
      problem: expect.stringContaining('hidden'),
    });
  });

  it.each([
    ['a filter that cannot be meant', '/api/deliveries?filter=stat:parked', 400, /Did you mean state/],
    ['a message that nobody recorded', '/api/message?id=018f0000-0000-7000-8000-000000000001', 404, /no such message/],
    ['what is no id', '/api/message?id=nonsense', 404, /no such message/],
    ['an inbox that nobody told it of', '/api/inbox?of=elsewhere', 200, /Nobody said where/],
  ])('says what is wrong with %s', async (_, path, status, says) => {
    const { port } = await start();
    const answer = await ask(port, `/outbox${path}`);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(says)]);
  });

  it.each([
    [{ verb: 'drop' }, /verb must be one of/],
    [{ verb: 'retry', targets: [] }, /targets must be/],
    [{ verb: 'retry', targets: [{ id: 'x', to: 'y' }], reason: 'z' }, /targets must be/],
    [
      { verb: 'retry', targets: [{ id: '018f0000-0000-7000-8000-000000000001', to: 'y' }], reason: ' ' },
      /reason must say/,
    ],
  ])('does not act on %j', async (body, says) => {
    const { port } = await start();
    const answer = await ask(port, '/outbox/api/actions', { method: 'POST', headers: JSON_TYPE, body });
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(says)]);
  });

  it('works behind a proxy that takes something off the path', async () => {
    const { port } = await start({ dashboard: { authorize: () => 'read' } });
    const proxy = await startProxy(port, '/tools/shop');
    const { port: at } = proxy;
    try {
      const first = await ask(at, '/tools/shop/outbox');
      const there = new URL(first.headers.location!, `http://127.0.0.1:${at}/tools/shop/outbox`).pathname;
      expect(there).toBe('/tools/shop/outbox/');
      const page = await ask(at, there);
      for (const [, relative] of page.text.matchAll(/(?:src|href)="([^"]+)"/g))
        expect((await ask(at, new URL(relative!, `http://127.0.0.1${there}`).pathname)).status).toBe(200);
    } finally {
      await proxy.close();
    }
  });
});
