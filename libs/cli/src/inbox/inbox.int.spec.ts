import { createHash } from 'node:crypto';
import { KINDS, ServiceDatabase } from '../service-database.fixture';
import { type Run, runTallystick } from '../terminal.fixture';

const ID = '018f0000-0000-7000-8000-00000000000';
const HOUR_MS = 3_600_000;

describe.each(KINDS)('inbox, on %s', (kind) => {
  let database: ServiceDatabase;

  beforeAll(async () => {
    database = await ServiceDatabase.create(kind, 'inbox');
    const hash = createHash('sha256').update('x').digest('hex');
    await database.inbox({ id: `${ID}1`, result: '{"orderId":"42"}', hash, ageMs: 2 * HOUR_MS });
    await database.inbox({ id: `${ID}2`, verdict: 'rejected', reason: '{"code":"OUT_OF_STOCK"}', ageMs: HOUR_MS });
    await database.inbox({ id: `${ID}1`, consumer: 'billing', source: 'shop' });
  });
  afterAll(() => database.drop());

  const run = (...args: string[]): Promise<Run> =>
    runTallystick(['inbox', ...args], { env: { DATABASE_URL: database.url } });
  const ids = async (...more: string[]): Promise<string[]> =>
    (JSON.parse((await run('list', '--json', ...more)).out) as { consumer: string; messageId: string }[]).map(
      ({ consumer, messageId }) => `${consumer} ${messageId.at(-1)}`,
    );

  it('lists verdicts, the latest first', async () => {
    expect(await ids()).toEqual(['billing 1', 'order-service 2', 'order-service 1']);
    expect(await ids('--consumer-name', 'order-service', '--limit', '1')).toEqual(['order-service 2']);
    expect(await ids('--verdict', 'rejected')).toEqual(['order-service 2']);
    expect(await ids('--from', 'shop')).toEqual(['billing 1']);
    expect(await ids('--older', '30m', '--newer', '90m')).toEqual(['order-service 2']);
    expect((await run('list', '--verdict', 'rejected')).out).toMatch(
      new RegExp(`^message .*\n${ID}2  \\S+  rejected  user-service → order-service  {"code":"OUT_OF_STOCK"}$`),
    );
  });

  it('shows all that it knows of a message', async () => {
    const { code, out } = await run('show', `${ID}1`);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^consumer +billing\n.*\n\n.*^consumer +order-service\n.*^result +{"orderId":"42"}\n^content +SHA-256 [0-9a-f]{64}$/ms,
    );
  });

  it.each([
    [['show', `${ID}9`], 1, /Nothing is there/],
    [['show', 'nonsense'], 1, kind === 'PostgreSQL' ? /uuid/ : /Nothing is there/],
    [['list', '--verdict', 'maybe'], 2, /accepted, rejected/],
    [['look'], 2, /unknown command/],
  ])('answers %j with %i', async (args, code, says) => {
    const found = await run(...args);
    expect(found.code).toBe(code);
    expect(found.said).toMatch(says);
  });
});
