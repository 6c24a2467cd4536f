import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectTestPostgres, testBroker, testDatabase } from '@tallystick/services';
import { connect } from 'amqplib';
import { Client } from 'pg';
import { propertiesOf } from '../../half-message/src/envelope';
import { Topology } from '../../half-message/src/topology';
import { runTallystick } from './terminal.fixture';

const DOCUMENT = join(__dirname, '../../../docs/operations.md');
const BLOCK = /^```console\n([\s\S]*?)^```$/gm;
const COMMAND = /^\$ npx tallystick(.*)$/;

/** Ids and times differ from run to run; which of them are the same does not. */
function normal(text: string): string {
  const ids: string[] = [];
  return text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      if (!ids.includes(id)) ids.push(id);
      return `id ${ids.indexOf(id) + 1}`;
    })
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'time')
    .replaceAll(/\d+(\.\d+)? s\b/g, 'seconds')
    .trimEnd();
}

/** A command and all it wrote, as on a terminal. */
interface Shown {
  readonly command: string;
  readonly text: string;
}

function shownIn(block: string): Shown[] {
  return block
    .split(/^(?=\$ )/m)
    .filter((part) => part !== '')
    .map((part) => {
      const [command, ...lines] = part.split('\n');
      return { command: command!, text: lines.join('\n').trimEnd() };
    });
}

/**
 * What docs/operations.md shows is what the commands write, in the order in which it shows them. After a change of theirs:
 * `FIX_OUTPUT=1 npx jest libs/cli/src/documented.int --selectProjects integration` writes it anew.
 */
describe('the output in docs/operations.md', () => {
  const variables: Record<string, string> = {};
  const ids: string[] = [];

  beforeAll(async () => {
    variables.USERS_URL = await testDatabase('users');
    variables.ORDERS_URL = await testDatabase('orders');
    variables.AMQP_URL = await testBroker('documented');
    for (const url of [variables.USERS_URL, variables.ORDERS_URL])
      await runTallystick(['migrate', '--database-url', url]);
    await seedDatabases();
    await seedQuarantine();
    await seedHalves();
  });
  afterAll(async () => {
    await connectTestPostgres().dropDatabase(variables.USERS_URL!);
    await connectTestPostgres().dropDatabase(variables.ORDERS_URL!);
  });

  async function using(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
    const client = new Client({ connectionString: url });
    await client.connect();
    await work(client);
    await client.end();
  }

  /** An order, a refund, one that the consumer has forgotten, two parked ones, and one on its way. */
  async function seedDatabases(): Promise<void> {
    await using(variables.USERS_URL!, async (client) => {
      for (const [minute, key, state, verdict, error] of [
        [60, '42', 'completed', 'accepted', null],
        [50, '42', 'compensated', 'rejected', null],
        [40, '42', 'completed', 'accepted', null],
        [30, '42', 'parked', null, 'GAVE_UP: UNROUTABLE: no queue is bound for this consumer and type'],
        [20, '43', 'parked', null, 'UNPROCESSABLE: UNKNOWN_TYPE'],
        [0, '43', 'pending', null, null],
      ] as const) {
        const { rows } = await client.query<{ id: string }>(
          `insert into outbox_message (id, aggregatetype, aggregateid, type, payload, created_at)
           select (hex || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid, 'user-service', $2, 'order.requested', '{"sku":"A-1"}', at
           from (select at, lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as hex from (select now() - $1::int * interval '1 min' as at) moment) timed
           returning id`,
          [minute, key],
        );
        ids.push(rows[0]!.id);
        await client.query(
          `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at, settled_at, verdict, reason, last_error)
           values ($1, 'order-service', $2::varchar, case when $4 like 'GAVE_UP%' then 9 else 1 end, 'none', case when $2 = 'pending' then now() end, case when $3::varchar is not null then now() - interval '1 min' end,
             $3::varchar, case $3 when 'rejected' then '{"code":"OUT_OF_STOCK"}'::json end, $4)`,
          [rows[0]!.id, state, verdict, error],
        );
      }
    });
    await using(variables.USERS_URL!, (client) =>
      client.query(
        `insert into outbox_history (message_id, consumer, entries)
         select id, 'order-service', jsonb_build_array(
           jsonb_build_object('number', 1, 'what', 'send-failed', 'attempt', 9, 'code', 'UNROUTABLE', 'since', created_at + interval '1 s',
             'at', created_at + interval '20 min', 'times', 9, 'why', 'UNROUTABLE: no queue is bound for this consumer and type'),
           jsonb_build_object('number', 2, 'what', 'parked', 'attempt', 9, 'code', 'GAVE_UP', 'at', created_at + interval '21 min',
             'why', 'GAVE_UP: UNROUTABLE: no queue is bound for this consumer and type'))
         from outbox_message where id = $1`,
        [ids[3]],
      ),
    );
    await using(variables.ORDERS_URL!, (client) =>
      client.query(
        `with handled as (insert into inbox_handler (consumer, type, handler) values ('order-service', 'order.requested', 'Orders.place'))
         insert into inbox_message (consumer, message_id, source, verdict, reason, received_at) values
           ('order-service', $1, 'user-service', 'accepted', null, now() - interval '60 min'),
           ('order-service', $2, 'user-service', 'rejected', '{"code":"OUT_OF_STOCK"}', now() - interval '50 min')`,
        ids.slice(0, 2),
      ),
    );
  }

  async function seedQuarantine(): Promise<void> {
    const connection = await connect(variables.AMQP_URL!);
    const channel = await connection.createConfirmChannel();
    const { version } = (connection.connection as unknown as { serverProperties: { version: string } })
      .serverProperties;
    const unlimited = Number.parseInt(version, 10) >= 4 ? { 'x-delivery-limit': -1 } : {};
    await channel.assertQueue('mail-service.quarantine', {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', ...unlimited },
    });
    channel.sendToQueue('mail-service.quarantine', Buffer.from('{"userId":"7"}'), {
      ...{ messageId: ids[0], type: 'user.registered', appId: 'user-service', persistent: true },
      headers: {
        outbox_problem: 'INVALID_PAYLOAD: email must be an email',
        outbox_exchange: 'outbox.announcements',
        outbox_routing_key: 'user.registered',
      },
    });
    await channel.waitForConfirms();
    await connection.close();
  }

  /** Two that a service has parked, and the way by which it is asked. */
  async function seedHalves(): Promise<void> {
    const connection = await connect(variables.AMQP_URL!);
    const channel = await connection.createConfirmChannel();
    const { version } = (connection.connection as unknown as { serverProperties: { version: string } })
      .serverProperties;
    const topology = new Topology('ticket-service', [10_000]);
    for (const { name, exchange, key, arguments: given } of topology.queues(Number.parseInt(version, 10))) {
      await channel.assertExchange(exchange, 'direct');
      await channel.assertExchange(topology.checks, 'direct');
      await channel.assertQueue(name, { durable: true, arguments: given });
      await channel.bindQueue(name, exchange, key);
    }
    for (const [index, seat] of [17, 18].entries()) {
      const half = { id: ids[index + 2]!, type: 'ticket.ordered', payload: `{"seat":${seat}}`, checks: 14 };
      const properties = propertiesOf({ ...half, born: Date.now() - 4_000_000 }, 'NOT_KNOWN');
      channel.publish(topology.parked, 'ticket-service', Buffer.from(half.payload), properties);
    }
    await channel.waitForConfirms();
    await connection.close();
  }

  /** As a shell would: variables and quotes, nothing else. Ids of the document become those of this run. */
  function argumentsOf(command: string, known: ReadonlyMap<string, string>): string[] {
    const [, rest] = COMMAND.exec(command) ?? [];
    if (rest === undefined) throw new Error(`"${command}" is no command of ours: write "$ npx tallystick …".`);
    return [...rest.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) =>
      word
        .replaceAll(/^["']|["']$/g, '')
        .replaceAll(/\$(\w+)/g, (_, name: string) => variables[name]!)
        .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => known.get(id) ?? id),
    );
  }

  it('is what the commands write', async () => {
    const before = readFileSync(DOCUMENT, 'utf8');
    // A person copies an id from a list: whatever id the document shows first is the parked one, then the refunded one.
    const shownIds = [...before.matchAll(/^\$ npx tallystick show (\S+)/gm)].map(([, id]) => id!);
    const known = new Map(shownIds.map((id, index) => [id, ids[[3, 1][index]!]!]));
    const blocks: { found: Shown[]; now: Shown[] }[] = [];
    for (const [, block] of before.matchAll(BLOCK)) {
      const found = shownIn(block!);
      const now: Shown[] = [];
      for (const { command } of found) {
        const written: string[] = [];
        await runTallystick(argumentsOf(command, known), {
          env: { DATABASE_URL: variables.USERS_URL, AMQP_URL: undefined },
          onOut: (line) => written.push(line),
          onSay: (line) => written.push(line),
        });
        now.push({ command, text: written.join('\n').trimEnd() });
      }
      blocks.push({ found, now });
    }
    if (process.env.FIX_OUTPUT) {
      let index = 0;
      const written = before.replaceAll(BLOCK, () => {
        const { now } = blocks[index++]!;
        return `\`\`\`console\n${now.map(({ command, text }) => `${command}\n${text}\n`).join('\n')}\`\`\``;
      });
      writeFileSync(
        DOCUMENT,
        shownIds.reduce((text, id) => text.replaceAll(id, known.get(id)!), written),
      );
      return;
    }
    expect(blocks.flatMap(({ found }) => found).length).toBeGreaterThan(10);
    for (const { found, now } of blocks)
      for (const [index, { command, text }] of found.entries())
        expect(`${command}\n${normal(text)}`).toBe(`${command}\n${normal(now[index]!.text)}`);
  });
});
