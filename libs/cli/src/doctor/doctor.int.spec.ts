import { type Channel, connect } from 'amqplib';
import { randomUUID } from 'node:crypto';
import {
  Cleanup,
  connectTestPostgres,
  freePort,
  rabbitInstalled,
  type RabbitServer,
  startPgBouncer,
  startRabbit,
  testDatabase,
  until,
} from '@tallystick/services';
import { Client } from 'pg';
import { runTallystick } from '../terminal.fixture';

interface Found {
  readonly check: string;
  readonly level: string;
  readonly what: string;
  readonly todo: string;
}

const cleanup = new Cleanup();
let template: string;
let url: string;

beforeAll(async () => {
  template = await testDatabase('doctor');
  await runTallystick(['migrate', '--database-url', template]);
});
beforeEach(async () => {
  url = await testDatabase('doctor', template);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await connectTestPostgres().dropDatabase(url);
});
afterAll(async () => {
  await cleanup.run();
  await connectTestPostgres().dropDatabase(template);
});

async function doctor(...more: string[]): Promise<{ code: number; found: Found[] }> {
  const { code, out, said } = await runTallystick(['doctor', '--json', '--database-url', url, ...more]);
  if (out === '') throw new Error(said);
  return { code, found: JSON.parse(out) as Found[] };
}
/** What one check says. */
async function told(check: string, ...more: string[]): Promise<string[]> {
  const { found } = await doctor(...more);
  return found.filter((each) => each.check === check).map(({ level, what, todo }) => `${level}: ${what} ${todo}`);
}
async function sql(text: string, values: unknown[] = []): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(text, values);
  await client.end();
}
const setting = (text: string): Promise<void> => sql(`alter database "${new URL(url).pathname.slice(1)}" set ${text}`);

async function delivery(state: string, more: { due?: string; consumer?: string; source?: string } = {}): Promise<void> {
  const { due = '1 s', consumer = 'order-service', source = 'user-service' } = more;
  const id = randomUUID();
  await sql(`insert into outbox_message (id, aggregatetype, type, payload) values ($1, $2, 'order.requested', '{}')`, [
    id,
    source,
  ]);
  await sql(
    `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at, settled_at, verdict, reason)
     values ($1, $2, $3::varchar, 1, 'none', case when $3 = 'pending' then now() - $4::interval end,
       case when $3 = 'compensated' then now() - interval '1 h' end, case when $3 = 'compensated' then 'rejected' end, case when $3 = 'compensated' then '{}'::json end)`,
    [id, consumer, state, due],
  );
}

describe('doctor, of a database', () => {
  it('finds nothing where all is well, and says that it did not look at the broker', async () => {
    await delivery('pending');
    expect(await doctor()).toEqual({ code: 0, found: [] });
    const { out } = await runTallystick(['doctor', '--database-url', url]);
    expect(out).toBe('Nothing is wrong.\nThe broker was not looked at: give --amqp-url, or set AMQP_URL.');
  });

  it('says everything at once, each with what to do, and leaves out what is to be ignored', async () => {
    await delivery('parked');
    await sql('drop index outbox_delivery_due');
    await setting('synchronous_commit = off');
    const { code, out } = await runTallystick(['doctor', '--database-url', url]);
    expect(code).toBe(1);
    expect(out).toMatch(/^WRONG durability$.*^WRONG schema$.*^WRONG parked$.*^3 things are wrong\.$/ms);
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    const ignoring = ['--ignore', 'parked', '--ignore', 'schema', '--ignore', 'durability'];
    expect(await doctor(...ignoring)).toEqual({ code: 0, found: [] });
  });

  it.each([
    [
      'alter table outbox_delivery drop constraint outbox_delivery_legal',
      /^note: The constraint outbox_delivery.outbox_delivery_legal is missing.*rowCheck: false/,
    ],
    [
      'drop index outbox_delivery_parked',
      /^wrong: The index outbox_delivery.outbox_delivery_parked is missing: USING btree \(message_id, consumer\).*tallystick migrate/,
    ],
    [
      'alter table inbox_message drop constraint inbox_message_verdict',
      /^wrong: .*alter table public.inbox_message add constraint inbox_message_verdict CHECK/,
    ],
    [
      'alter table outbox_delivery reset (autovacuum_vacuum_scale_factor)',
      /^wrong: .*alter table public.outbox_delivery set \(autovacuum_vacuum_scale_factor = 0.02\)/,
    ],
    [
      'alter table outbox_delivery set (fillfactor = 100)',
      /^wrong: The setting outbox_delivery.fillfactor is 100 and should be 70/,
    ],
    ['alter table outbox_message drop column headers', /^wrong: The column outbox_message.headers is missing: json/],
    ['drop table outbox_follow_up', /^wrong: The table outbox_follow_up is missing. Run: tallystick migrate/],
    [
      'update outbox_schema set version = 99',
      /^wrong: The tables are at version 99, and this program knows \d+. Use a newer/,
    ],
    [
      'update outbox_schema set version = 0',
      /^wrong: The tables are at version 0, and this program needs \d+. Run: tallystick migrate/,
    ],
    [
      `create or replace function outbox_delivery_is_legal (state varchar, verdict varchar, follow_up varchar, next_at timestamptz, lease_token uuid, settled_at timestamptz) returns boolean language sql immutable as 'select true'`,
      /^wrong: The function outbox_delivery_is_legal is not as this version writes it/,
    ],
  ])('sees: %s', async (change, says) => {
    await sql(change);
    expect(await told('schema')).toEqual([expect.stringMatching(says)]);
  });

  it('says that the tables are missing, and nothing more of them', async () => {
    const { code, found } = await doctor('--prefix', 'other_');
    expect(code).toBe(1);
    expect(found).toEqual([
      expect.objectContaining({ check: 'schema', what: expect.stringContaining('other_outbox_schema') }),
    ]);
  });

  it('finds tables that have a prefix and a schema of their own as well', async () => {
    await sql('create schema messaging');
    const where = ['--schema', 'messaging', '--prefix', 'shop_'];
    await runTallystick(['migrate', '--database-url', url, ...where]);
    expect(await doctor(...where)).toEqual({ code: 0, found: [] });
    await sql('drop index messaging.shop_outbox_delivery_due');
    expect(await told('schema', ...where)).toHaveLength(1);
  });

  it('says what it cannot see without the right to temporary tables', async () => {
    await sql(
      `create role looker login; grant pg_read_all_data to looker; revoke temporary on database "${new URL(url).pathname.slice(1)}" from public`,
    );
    try {
      const looker = new URL(url);
      looker.username = 'looker';
      const { out } = await runTallystick(['doctor', '--json', '--database-url', looker.href]);
      expect(JSON.parse(out)).toEqual([
        expect.objectContaining({
          check: 'schema',
          level: 'unknown',
          todo: expect.stringContaining('grant temporary'),
        }),
      ]);
    } finally {
      await sql('drop owned by looker; drop role looker');
    }
  });

  it('sees a clock that is off', async () => {
    const real = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => real() + 90_000);
    expect(await told('clock')).toEqual([expect.stringMatching(/^wrong: .* (89|90|91) s behind .* NTP/)]);
    expect(await told('clock', '--skew', '2m')).toEqual([]);
  });

  it('notes another default isolation level, and autovacuum that can count nothing', async () => {
    await setting(`default_transaction_isolation = 'serializable'`);
    await setting('track_counts = off');
    expect(await told('isolation')).toEqual([expect.stringMatching(/^note: .*serializable.*40001/)]);
    expect(await told('autovacuum')).toEqual([expect.stringMatching(/^wrong: Autovacuum/)]);
  });

  it('sees a pooler that loses what was prepared by name', async () => {
    const pooler = await startPgBouncer(connectTestPostgres());
    try {
      const direct = url;
      url = pooler.url(direct);
      const said = await told('pooler');
      url = direct;
      expect(said).toEqual([
        expect.stringMatching(/^note: A pooler in transaction mode.*(namedStatements: false|It keeps)/),
      ]);
    } finally {
      await pooler.stop();
    }
  });

  it('sees what holds vacuum back: a session that idles in a transaction, and a prepared transaction', async () => {
    const idler = new Client({ connectionString: url, application_name: 'a forgotten shell' });
    await idler.connect();
    await idler.query('begin isolation level repeatable read; select 1');
    await sql(`begin; create table t (); prepare transaction 'half'`);
    expect(await told('old-transactions')).toEqual([]);
    expect(await told('old-transactions', '--old', '1ms')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/a forgotten shell, idle in transaction\).*pg_terminate_backend/),
        expect.stringMatching(/prepared transaction 'half'.*rollback prepared 'half'/),
      ]),
    );
    await sql(`rollback prepared 'half'`);
    await idler.end();
  });

  it('sees an abandoned replication slot', async () => {
    await sql(`select pg_create_logical_replication_slot('abandoned', 'pgoutput')`);
    try {
      expect(await told('old-transactions')).toEqual([
        expect.stringMatching(/slot abandoned.*pg_drop_replication_slot/),
      ]);
    } finally {
      await sql(`select pg_drop_replication_slot('abandoned')`);
    }
  });

  it('sees what is parked, what no relay takes, and what was closed before its follow-up was there', async () => {
    await delivery('parked');
    await delivery('pending', { due: '1 h' });
    await delivery('compensated');
    expect(await told('late-follow-ups')).toEqual([]);
    await sql(
      `insert into outbox_follow_up (source, type, verdict, handler) values ('user-service', 'order.requested', 'rejected', 'Purchases.refund')`,
    );
    expect(await told('parked')).toEqual([
      expect.stringMatching(/^wrong: 1 delivery of user-service is parked.*list state:parked/),
    ]);
    expect(await told('overdue')).toEqual([
      expect.stringMatching(/^wrong: A delivery of user-service has been due for 36\d\d s/),
    ]);
    expect(await told('overdue', '--due', '2h')).toEqual([]);
    expect(await told('late-follow-ups')).toEqual([
      expect.stringMatching(/^note: 1 rejected order.requested of user-service was closed before Purchases.refund/),
    ]);
  });

  it.each([
    [['--ignore', 'everything'], /no check "everything"/],
    [['--old', 'long'], /length of time/],
    [['--amqp-url', 'amqp://127.0.0.1:1'], /ECONNREFUSED/],
  ])('answers %j with 2', async (more, says) => {
    const found = await runTallystick(['doctor', '--database-url', url, ...more]);
    expect(found.code).toBe(2);
    expect(found.said).toMatch(says);
  });
});

(rabbitInstalled() ? describe : describe.skip)('doctor, of a broker', () => {
  let broker: RabbitServer;
  let management: string;
  let amqp: string;

  beforeAll(async () => {
    const port = await freePort();
    management = `http://127.0.0.1:${port}`;
    broker = cleanup.stopLater(
      await startRabbit({
        plugins: ['rabbitmq_management'],
        settings: { 'management.tcp.ip': '127.0.0.1', 'management.tcp.port': String(port) },
      }),
    );
  });
  beforeEach(async () => {
    amqp = await broker.createVhost();
    await delivery('pending');
    await sql(
      `insert into inbox_handler (consumer, type, handler) values ('mail-service', 'user.registered', 'Mails.welcome')`,
    );
  });

  /** What services declare and consume; until the work is done. */
  async function running<T>(without: string[], work: (channel: Channel) => Promise<T>): Promise<T> {
    const connection = await connect(amqp);
    const channel = await connection.createChannel();
    const limitsByDefault = Number.parseInt(connection.connection.serverProperties.version, 10) >= 4;
    const queues: [name: string, exchange: string, key: string][] = [
      ['user-service.receipts', 'outbox.receipts', 'user-service'],
      ['user-service.quarantine', 'outbox.quarantine', 'user-service'],
      ['order-service.order.requested', 'outbox.requests', 'order-service.order.requested'],
      ['mail-service.user.registered', 'outbox.announcements', 'user.registered'],
      ['mail-service.cancel', 'outbox.requests', 'mail-service.cancel'],
      ['mail-service.quarantine', 'outbox.quarantine', 'mail-service'],
    ];
    for (const name of ['requests', 'receipts', 'quarantine']) await channel.assertExchange(`outbox.${name}`, 'direct');
    await channel.assertExchange('outbox.announcements', 'topic');
    for (const [name, exchange, key] of queues.filter(([each]) => !without.includes(each))) {
      const irreplaceable = ['outbox.announcements', 'outbox.quarantine'].includes(exchange);
      const unlimited = limitsByDefault && irreplaceable && { 'x-delivery-limit': -1 };
      await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum', ...unlimited } });
      await channel.bindQueue(name, exchange, key);
      if (!name.endsWith('quarantine') && !without.includes(`consumer of ${name}`))
        await channel.consume(name, () => {});
    }
    try {
      return await work(channel);
    } finally {
      await connection.close();
    }
  }
  const all = (): string[] => ['--amqp-url', amqp, '--management-url', management];
  const policy = (name: string, pattern: string, definition: object): Promise<string> =>
    broker.ctl(
      'set_policy',
      '--vhost',
      new URL(amqp).pathname.slice(1),
      '--apply-to',
      'queues',
      name,
      pattern,
      JSON.stringify(definition),
    );

  it('finds nothing where all is well', async () => {
    expect(await running([], () => doctor(...all()))).toEqual({ code: 0, found: [] });
  });

  it('says what it does not know without the management API', async () => {
    const { code, found } = await running([], () => doctor('--amqp-url', amqp));
    expect(code).toBe(0);
    expect(found.map(({ check, level }) => [check, level])).toEqual([
      ['queue-arguments', 'unknown'],
      ['two-databases', 'unknown'],
    ]);
  });

  it('sees consumers without a queue, and queues that nobody consumes', async () => {
    await running(
      ['order-service.order.requested', 'mail-service.cancel', 'consumer of mail-service.user.registered'],
      async () => {
        expect(await told('unroutable', ...all())).toEqual([
          expect.stringMatching(
            /^wrong: user-service has recorded order.requested for order-service, and there is no queue/,
          ),
        ]);
        expect(await told('consumers', ...all())).toEqual([
          expect.stringMatching(/^wrong: Nobody consumes from mail-service.user.registered; 0 messages wait there/),
          expect.stringMatching(/^wrong: The queue mail-service.cancel does not exist/),
        ]);
      },
    );
  });

  it('sees what lies in a quarantine', async () => {
    await running([], async () => {
      const connection = await connect(amqp);
      const channel = await connection.createConfirmChannel();
      channel.publish('outbox.quarantine', 'mail-service', Buffer.from('{}'));
      await channel.waitForConfirms();
      await connection.close();
      expect(await told('quarantine', ...all())).toEqual([
        expect.stringMatching(/^wrong: 1 message is in the quarantine of mail-service.*quarantine list/),
      ]);
    });
  });

  it('sees policies that can lose messages', async () => {
    await policy('short', '^order-service', { 'max-length': 5, 'message-ttl': 1000 });
    await running([], async () => {
      const said = await told('queue-arguments', ...all());
      expect(said).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/order-service.order.requested has max-length 5.*policy "short"/),
          expect.stringMatching(/order-service.order.requested drops messages after 1000 ms/),
        ]),
      );
    });
  });

  it('sees two databases behind one name', async () => {
    await running([], async (channel) => {
      expect(await told('two-databases', ...all())).toEqual([]);
      for (const each of ['aaaa1111', 'bbbb2222'])
        await channel.consume('mail-service.cancel', () => {}, { consumerTag: `mail-service on database ${each}` });
      let said: string[] = [];
      // The management learns of consumers a moment later.
      await until('the two are seen', async () => (said = await told('two-databases', ...all())).length > 0);
      expect(said).toEqual([expect.stringMatching(/^wrong: mail-service runs on 2 databases \(aaaa1111, bbbb2222\)/)]);
    });
  });

  it('goes on when the management API does not answer', async () => {
    const { found } = await running([], () => doctor('--amqp-url', amqp, '--management-url', 'http://127.0.0.1:1'));
    expect(found.map(({ check, level }) => [check, level])).toEqual([
      ['queue-arguments', 'unknown'],
      ['two-databases', 'unknown'],
    ]);
    expect(found[0]!.what).toContain('http://127.0.0.1:1 does not answer');
  });
});
