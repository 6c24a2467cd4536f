import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { type Run, runTallystick } from '../terminal.fixture';
import { idBefore } from './buckets';

const MESSAGES = 100_000;

/** Of the n-th message: random but for the time it begins with, and the same on both sides. */
const id = (time: string): string =>
  `(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid`;
/** One message in eight seconds, so there are nine days of them. */
const time = `($1::timestamptz - n * interval '8 s')`;
/** Three in hundred are rejected, one in twenty is an announcement, and the last dozen is on its way. */
const kind = `case when n < 12 then 'under way' when n % 20 = 7 then 'announced' when n % 33 = 0 then 'rejected' else 'accepted' end`;

describe('reconcile', () => {
  let producerUrl: string;
  let consumerUrl: string;
  const urls: string[] = [];

  beforeAll(async () => {
    [producerUrl, consumerUrl] = [await testDatabase('producer'), await testDatabase('consumer')];
    for (const url of [producerUrl, consumerUrl])
      expect(await runTallystick(['migrate', '--database-url', url])).toMatchObject({ code: 0 });
    const now = new Date().toISOString();
    await exchange(producerUrl, consumerUrl, now, 0, MESSAGES);
    await onBoth((client) => client.query('vacuum analyze'));
  });
  afterAll(async () => {
    for (const url of [...urls, producerUrl, consumerUrl]) await connectTestPostgres().dropDatabase(url);
  });

  async function using<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
  async function onBoth(work: (client: Client) => Promise<unknown>): Promise<void> {
    for (const url of [producerUrl, consumerUrl]) await using(url, work);
  }

  /** What services leave behind that have told each other of the messages from one number to another. */
  async function exchange(producer: string, consumer: string, now: string, from: number, to: number): Promise<void> {
    const numbered = `(select n, ${time} as at, ${kind} as kind from generate_series($2::int, $3::int - 1) n) numbered`;
    await using(producer, async (client) => {
      await client.query(
        `insert into outbox_message (id, aggregatetype, type, payload, created_at)
         select ${id('at')}, 'user-service', case kind when 'announced' then 'user.registered' else 'order.requested' end, '{}', at
         from ${numbered}`,
        [now, from, to],
      );
      await client.query(
        `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at, settled_at, verdict, reason)
         select ${id('at')}, case kind when 'announced' then '*' else 'order-service' end,
           case kind when 'accepted' then 'completed' when 'rejected' then 'compensated' when 'announced' then 'delivered' else 'sent' end,
           1, 'none', case when kind = 'under way' then at end, case when kind <> 'under way' then at + interval '1 s' end,
           case when kind in ('accepted', 'rejected') then kind end, case kind when 'rejected' then '{"code":"OUT_OF_STOCK"}'::json end
         from ${numbered}`,
        [now, from, to],
      );
    });
    await using(consumer, async (client) => {
      await client.query(
        `insert into inbox_message (consumer, message_id, source, verdict, reason, received_at)
         select 'order-service', ${id('at')}, 'user-service', case kind when 'rejected' then 'rejected' else 'accepted' end,
           case kind when 'rejected' then '{"code":"OUT_OF_STOCK"}'::json end, at
         from ${numbered} where n % 40 <> 7`, // every other announcement has not come yet
        [now, from, to],
      );
      await client.query(
        `insert into inbox_handler (consumer, type, handler)
         values ('order-service', 'order.requested', 'Orders.place'), ('order-service', 'user.registered', 'Users.know')
         on conflict do nothing`,
      );
    });
  }

  /** Copies, which a test may spoil. */
  async function copies(): Promise<{ producer: string; consumer: string }> {
    const [producer, consumer] = [
      await testDatabase('producer', producerUrl),
      await testDatabase('consumer', consumerUrl),
    ];
    urls.push(producer, consumer);
    return { producer, consumer };
  }

  function run(producer: string, consumer: string, ...more: string[]): Promise<Run> {
    return runTallystick(['reconcile', '--producer', producer, '--consumer', consumer, ...more]);
  }
  const jsonOf = async (running: Promise<Run>) => {
    const { code, out, said } = await running;
    if (out === '') throw new Error(said);
    const { differences, compared, examples } = JSON.parse(out) as {
      differences: Record<string, number>;
      compared: object;
      examples: { kind: string; id: string }[];
    };
    return { code, differences, compared, examples };
  };

  it('finds no difference where there is none, and says how much it compared', async () => {
    const began = performance.now();
    const { code, out, said } = await run(producerUrl, consumerUrl);
    process.stdout.write(`reconcile: ${MESSAGES} messages in ${((performance.now() - began) / 1_000).toFixed(1)} s\n`);
    expect({ code, out }).toEqual({
      code: 0,
      out: 'user-service → order-service: 99988 verdicts and 97500 inbox rows, no\ndifference.',
    });
    expect(said).toContain('compared');
  });

  it('finds every difference that was planted, and no other', async () => {
    const { producer, consumer } = await copies();
    const planted: Record<string, string[]> = {};
    const plant = async (kind: string, url: string, statement: string): Promise<void> => {
      const { rows } = await using(url, (client) => client.query<{ id: string }>(statement));
      planted[kind] = [...(planted[kind] ?? []), ...rows.map((row) => row.id)];
    };
    const some = (table: string, share: number, where = 'true'): string =>
      `(select message_id from ${table} where abs(hashtext(message_id::text)) % 10000 between ${share * 10} and ${share * 10 + 2} and message_id < '${olderThanTheGrace}' and ${where})`;
    const olderThanTheGrace = idBefore(Date.now() - 1_200_000);
    const closed = `state in ('completed', 'compensated')`;

    await plant(
      'forgotten',
      consumer,
      `delete from inbox_message where message_id in ${some('inbox_message', 1)} returning message_id as id`,
    );
    await using(producer, (client) =>
      client.query(`delete from outbox_message where id in ${some('outbox_delivery', 2, closed)}`),
    );
    await plant(
      'unknown',
      producer,
      `delete from outbox_delivery where message_id in ${some('outbox_delivery', 2, closed)} returning message_id as id`,
    );
    await plant(
      'contradiction',
      producer,
      `update outbox_delivery set state = 'compensated', verdict = 'rejected', reason = '{}' where message_id in ${some('outbox_delivery', 3, `state = 'completed'`)} returning message_id as id`,
    );
    await plant(
      'unheard',
      producer,
      `update outbox_delivery set state = 'parked', verdict = null, settled_at = null where message_id in ${some('outbox_delivery', 4, closed)} returning message_id as id`,
    );
    await plant(
      'unfinished',
      producer,
      `update outbox_delivery set state = 'answered', settled_at = null, next_at = now() where message_id in ${some('outbox_delivery', 5, closed)} returning message_id as id`,
    );
    // Announcements were among the rows that the consumer lost: nobody asks for those.
    const announced = await using(producer, (client) =>
      client.query<{ id: string }>(
        `select message_id as id from outbox_delivery where consumer = '*' or state = 'sent'`,
      ),
    );
    const nobodys = new Set(announced.rows.map((row) => row.id));
    planted.forgotten = planted.forgotten!.filter((each) => !nobodys.has(each));

    const { code, examples } = await jsonOf(run(producer, consumer, '--json', '--limit', '1000000'));
    const found: Record<string, string[]> = {};
    for (const { kind, id } of examples) (found[kind] ??= []).push(id);
    const sorted = (ids: Record<string, string[]>): object =>
      Object.fromEntries(Object.entries(ids).map(([kind, each]) => [kind, each.sort()]));
    expect(code).toBe(1);
    expect(Object.values(planted).map((each) => each.length > 5)).toEqual([true, true, true, true, true]);
    expect(sorted(found)).toEqual(sorted(planted));
  });

  it('finds what happened since the backup that a database was restored from', async () => {
    const backup = await copies();
    const { producer, consumer } = await copies();
    // The newest half an hour ago, after the grace; the numbers are new.
    const now = new Date(Date.now() - 1_800_000 + 200_000 * 8_000).toISOString();
    await exchange(producer, consumer, now, 200_000, 205_000);

    expect(await jsonOf(run(producer, consumer, '--json'))).toMatchObject({ code: 0, differences: {} });
    expect(await jsonOf(run(producer, backup.consumer, '--json'))).toMatchObject({
      code: 1,
      differences: { forgotten: 4_750 },
    });
    expect(await jsonOf(run(backup.producer, consumer, '--json'))).toMatchObject({
      code: 1,
      differences: { unknown: 4_875 },
    });
  });

  it('takes nothing for a difference that one side has pruned', async () => {
    const { producer, consumer } = await copies();
    await using(consumer, (client) =>
      client.query(`delete from inbox_message where received_at < now() - interval '5 d'`),
    );
    expect(await run(producer, consumer, '--since', '4d')).toMatchObject({ code: 0 });
    expect(await run(producer, consumer, '--since', '6d')).toMatchObject({ code: 1 });
  });

  it('compares messages whose ids do not begin with the time as well', async () => {
    const { producer, consumer } = await copies();
    const given = '9d6bb1ad-5b4c-4f2c-8d5a-1c7e6a0d3f11';
    await using(consumer, (client) =>
      client.query(
        `insert into inbox_message (consumer, message_id, source, verdict, received_at) values ('order-service', $1, 'user-service', 'accepted', now() - interval '1 h')`,
        [given],
      ),
    );
    const { code, out } = await run(producer, consumer);
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^UNKNOWN \\(1\\)\n.*\n${given}  nothing +accepted$`, 'sm'));
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('asks whose rows are meant', async () => {
    const { producer, consumer } = await copies();
    await using(consumer, (client) =>
      client.query(`insert into inbox_handler (consumer, type, handler) values ('billing', 'x', 'y')`),
    );
    expect(await run(producer, consumer)).toEqual({
      code: 2,
      out: '',
      said: 'Whose rows? Give --consumer-name: there are billing, order-service.',
    });
    expect(await run(producer, consumer, '--consumer-name', 'order-service')).toMatchObject({ code: 0 });
  });

  it.each([
    [['--grace', 'soon'], 2, /Write a length of time/],
    [['--producer', 'postgres://127.0.0.1:1/x'], 2, /ECONNREFUSED/],
  ])('answers %j with %i', async (more, code, says) => {
    const found = await run(producerUrl, consumerUrl, ...more);
    expect(found.code).toBe(code);
    expect(found.said).toMatch(says);
  });
});
