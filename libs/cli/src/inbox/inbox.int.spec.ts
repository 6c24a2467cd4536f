import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { type Run, runTallystick } from '../terminal.fixture';

const ID = '018f0000-0000-7000-8000-00000000000';

describe('inbox', () => {
  let url: string;

  beforeAll(async () => {
    url = await testDatabase('inbox');
    await runTallystick(['migrate', '--database-url', url]);
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`insert into inbox_message (consumer, message_id, source, verdict, reason, result, payload_hash, received_at) values
      ('order-service', '${ID}1', 'user-service', 'accepted', null, '{"orderId":"42"}', sha256('x'), now() - interval '2 h'),
      ('order-service', '${ID}2', 'user-service', 'rejected', '{"code":"OUT_OF_STOCK"}', null, null, now() - interval '1 h'),
      ('billing', '${ID}1', 'shop', 'accepted', null, null, null, now())`);
    await client.end();
  });
  afterAll(() => connectTestPostgres().dropDatabase(url));

  const run = (...args: string[]): Promise<Run> => runTallystick(['inbox', ...args], { env: { DATABASE_URL: url } });
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
    [['show', 'nonsense'], 1, /uuid/],
    [['list', '--verdict', 'maybe'], 2, /accepted, rejected/],
    [['look'], 2, /unknown command/],
  ])('answers %j with %i', async (args, code, says) => {
    const found = await run(...args);
    expect(found.code).toBe(code);
    expect(found.said).toMatch(says);
  });
});
