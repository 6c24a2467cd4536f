import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cleanup, testBroker, testDatabase, until } from '@tallystick/services';
import { proxied } from './proxied';
import { Shop } from './shop';
import { type RunningServices, startServices } from './start-services';
import type { WrittenSpan } from './tracing.preload';

const OURS = '@tallystick/outbox';
const REQUEST = 'outbox.requests:order-service.order.requested';
const RECEIPT = 'outbox.receipts:user-service';

/** Both services as processes, started with OpenTelemetry's instrumentations of HTTP, amqplib and pg beside the library's own. */
describe('a trace', () => {
  const cleanup = new Cleanup();
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-traces-'));
  const file = join(folder, 'spans');
  let services: RunningServices;
  let shop: Shop;
  let broker: Awaited<ReturnType<typeof proxied>>['proxy'];
  let userId: string;

  beforeAll(async () => {
    cleanup.defer(() => rmSync(folder, { recursive: true }));
    const directly = await testBroker('services');
    const amqp = await proxied(directly);
    broker = amqp.proxy;
    cleanup.defer(() => broker.close());
    services = cleanup.stopLater(
      await startServices({
        databaseUrls: { user: await testDatabase('user'), order: await testDatabase('order') },
        transport: { amqpUrl: { user: amqp.url, order: directly } },
        environment: { NODE_OPTIONS: `--require ${join(__dirname, '../dist/tracing.preload.js')}`, TRACE_FILE: file },
      }),
    );
    shop = new Shop(services.user.url, services.order.url);
    userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 10);
    await shop.setStock('moonstone', 0);
  }, 120_000);
  afterAll(() => cleanup.run(), 60_000);

  const all = (): WrittenSpan[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as WrittenSpan);

  /** Buys, and waits for the last span of it. */
  async function traceOf(purchaseId: string, last: string): Promise<WrittenSpan[]> {
    const about = ({ attributes }: WrittenSpan): boolean => Object.values(attributes).includes(purchaseId);
    await until(`${last} of ${purchaseId} was written`, async () =>
      all().some((span) => span.name === last && about(span)),
    );
    const traces = new Set(
      all()
        .filter(about)
        .map(({ traceId }) => traceId),
    );
    expect(traces.size).toBe(1);
    const ofTrace = (): WrittenSpan[] => all().filter(({ traceId }) => traces.has(traceId));
    // A follow-up ends before what it is part of, and a step of another process when that is through with it.
    await until(`the steps around ${last} were written`, async () =>
      ['publish', 'process', 'settle'].every((step) =>
        ofTrace().some(({ scope, name }) => scope === OURS && name.startsWith(step)),
      ),
    );
    return ofTrace();
  }

  /** Ours only, children below parents; other instrumentations' spans in between are passed over. */
  function tree(spans: readonly WrittenSpan[]): string[] {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const shown = (span: WrittenSpan): boolean => span.scope === OURS || span.name.startsWith('POST');
    const parentOf = (span: WrittenSpan): WrittenSpan | undefined => {
      const parent = span.parentId === undefined ? undefined : byId.get(span.parentId);
      return parent === undefined || shown(parent) ? parent : parentOf(parent);
    };
    const below = (parent: WrittenSpan | undefined, depth: number): string[] =>
      spans
        .filter((span) => shown(span) && parentOf(span) === parent)
        .map((span) => [`${'  '.repeat(depth)}${span.service}: ${span.name}`, ...below(span, depth + 1)])
        .sort(([one], [other]) => (one! < other! ? -1 : 1))
        .flat();
    return below(undefined, 0);
  }

  const buy = async (sku: string): Promise<string> => {
    const { status, body } = await shop.purchase({ userId, sku, quantity: 1, amount: 10 });
    expect(status).toBe(202);
    return body.id;
  };

  it('leads from the HTTP request through both services to the follow-up', async () => {
    const id = await buy('tally-stick');
    expect(await shop.settled(id)).toMatchObject({ status: 'completed' });
    const spans = await traceOf(id, 'on accepted order.requested');
    expect(tree(spans)).toEqual([
      'user-service: POST',
      `  user-service: create ${REQUEST}`,
      `    order-service: process ${REQUEST}`,
      `      user-service: settle ${RECEIPT}`,
      '        user-service: on accepted order.requested',
      `    user-service: publish ${REQUEST}`,
    ]);
  });

  it('holds what the other instrumentations see of it, where it happens', async () => {
    const id = await buy('tally-stick');
    const spans = await traceOf(id, 'on accepted order.requested');
    const below = (name: string, scope: string): string[] => {
      const parent = spans.find((span) => span.name.startsWith(name) && span.scope === OURS)!.spanId;
      return spans.filter((span) => span.parentId === parent && span.scope.endsWith(scope)).map((span) => span.name);
    };
    expect(below('publish', 'amqplib')).toEqual([expect.stringContaining('publish')]);
    // Of the statements that OutboxClient sends it sees those that end a transaction.
    expect(below('process', 'pg').join('\n')).toContain('COMMIT');
    expect(below('settle', 'pg').join('\n')).toContain('COMMIT');
  });

  it('leads to the refund of what was rejected', async () => {
    const id = await buy('moonstone');
    expect(await shop.settled(id)).toMatchObject({ status: 'refunded' });
    const spans = await traceOf(id, 'compensate order.requested');
    const byOurs = spans.filter(({ scope }) => scope === OURS);
    expect(byOurs.find(({ name }) => name.startsWith('process'))!.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'tallystick.verdict': 'rejected',
      'tallystick.reason': 'OUT_OF_STOCK',
    });
    expect(byOurs.filter(({ failed }) => failed)).toEqual([]);
  });

  it('goes on in another process after the one that recorded the message was killed', async () => {
    const killed = services.user.pid;
    await broker.refuse(true);
    broker.cut();
    await until('user-service has lost its broker', async () => {
      const answer = await fetch(`${services.user.url}/health/ready`);
      return ((await answer.json()) as { status: string }).status === 'degraded';
    });
    const id = await buy('tally-stick');
    // The span of a request ends after its answer was sent.
    const isHere = ({ attributes }: WrittenSpan): boolean => attributes['messaging.message.id'] === id;
    await until('the request was written', async () => {
      const created = all().find(isHere);
      return all().some(({ name, traceId }) => name === 'POST' && traceId === created?.traceId);
    });
    await services.user.kill('SIGKILL');
    await broker.refuse(false);
    await services.user.start();

    expect(await shop.settled(id, 60_000)).toMatchObject({ status: 'completed' });
    const spans = await traceOf(id, 'on accepted order.requested');
    const [create, accepted] = ['create', 'on accepted'].map((name) =>
      spans.find((span) => span.name.startsWith(name)),
    )!;
    expect([create!.pid === killed, accepted!.pid === services.user.pid]).toEqual([true, true]);
    expect(tree(spans)[0]).toBe('user-service: POST');
    expect(tree(spans).at(-1)).toBe(`    user-service: publish ${REQUEST}`);
  });
});
