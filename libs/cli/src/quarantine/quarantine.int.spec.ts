import { randomUUID } from 'node:crypto';
import { connectTestPostgres, testBroker, testDatabase } from '@tallystick/services';
import { type Channel, connect, type Options } from 'amqplib';
import { Client } from 'pg';
import { type Run, runTallystick } from '../terminal.fixture';

const QUEUE = 'mail-service.quarantine';
const BODY = '{"userId":"7"}';

describe('quarantine', () => {
  let amqp: string;
  let producer: string;

  beforeAll(async () => {
    producer = await testDatabase('quarantine');
    await runTallystick(['migrate', '--database-url', producer]);
  });
  afterAll(() => connectTestPostgres().dropDatabase(producer));
  beforeEach(async () => {
    amqp = await testBroker('quarantine');
    await onBroker(async (channel) => {
      await channel.assertExchange('outbox.quarantine', 'direct');
      await channel.assertExchange('outbox.announcements', 'topic');
      const unlimited = brokerMajor(channel) >= 4 ? { 'x-delivery-limit': -1 } : {};
      for (const [queue, exchange, key] of [
        [QUEUE, 'outbox.quarantine', 'mail-service'],
        ['mail-service.user.registered', 'outbox.announcements', 'user.registered'],
      ] as const) {
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', ...unlimited } });
        await channel.bindQueue(queue, exchange, key);
        await channel.purgeQueue(queue);
      }
    });
  });

  const brokerMajor = ({ connection }: Channel): number =>
    Number.parseInt((connection as unknown as { serverProperties: { version: string } }).serverProperties.version, 10);

  async function onBroker<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const connection = await connect(amqp);
    connection.on('error', () => {});
    try {
      return await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  }

  /** A copy as a service puts it aside. */
  async function putAside(copy: Options.Publish = {}, body = BODY): Promise<string> {
    const messageId = randomUUID();
    const connection = await connect(amqp);
    const channel = await connection.createConfirmChannel();
    channel.publish('outbox.quarantine', 'mail-service', Buffer.from(body), {
      ...{ messageId, type: 'user.registered', appId: 'user-service', persistent: true },
      ...copy,
      headers: {
        cloudEvents_source: 'user-service',
        outbox_problem: 'UNKNOWN_TYPE',
        outbox_exchange: 'outbox.announcements',
        outbox_routing_key: 'user.registered',
        ...(copy.headers as object | undefined),
      },
    });
    await channel.waitForConfirms();
    await connection.close();
    return messageId;
  }
  async function recorded(id: string, payload = BODY): Promise<void> {
    const client = new Client({ connectionString: producer });
    await client.connect();
    await client.query(
      `insert into outbox_message (id, aggregatetype, type, payload) values ($1, 'user-service', 'user.registered', $2)`,
      [id, payload],
    );
    await client.end();
  }
  const waiting = (queue: string): Promise<number> =>
    onBroker(async (channel) => (await channel.checkQueue(queue)).messageCount);
  const run = (command: string, ...more: string[]): Promise<Run> =>
    runTallystick(['quarantine', command, ...more, '--service', 'mail-service'], { env: { AMQP_URL: amqp } });

  it('shows what lies there, and leaves it there', async () => {
    const [one, other] = [await putAside(), await putAside({ headers: { outbox_problem: 'no JSON' } }, 'not { json')];
    const { code, out } = await run('list');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^# +message +type +problem$/),
      `1  ${one}  user.registered  UNKNOWN_TYPE`,
      `2  ${other}  user.registered  no JSON`,
    ]);
    expect((await run('show', '2')).out).toMatch(
      /^came from +outbox.announcements, user.registered\n.*^body +not { json$/ms,
    );
    expect(JSON.parse((await run('show', one, '--json')).out)).toMatchObject([{ position: 1, id: one, body: BODY }]);
    expect(await waiting(QUEUE)).toBe(2);
  });

  it('puts back what its source has recorded, byte for byte, without the words of whoever put it aside', async () => {
    const id = await putAside();
    await recorded(id);
    expect(await run('replay', id, '--producer', producer, '--yes')).toMatchObject({
      code: 0,
      out: '1 changed, 0 refused',
    });
    expect(await waiting(QUEUE)).toBe(0);
    const back = await onBroker((channel) => channel.get('mail-service.user.registered', { noAck: true }));
    expect(back).toMatchObject({
      content: Buffer.from(BODY),
      properties: {
        messageId: id,
        type: 'user.registered',
        appId: 'user-service',
        headers: { cloudEvents_source: 'user-service' },
      },
    });
    const { headers } = (back as { properties: { headers: object } }).properties;
    expect(Object.keys(headers).filter((name) => !name.startsWith('x-'))).toEqual(['cloudEvents_source']);
  });

  it('leaves where it is what its source has not recorded, or what comes from nowhere', async () => {
    const changed = await putAside();
    await recorded(changed, '{"userId":"8"}');
    await putAside();
    await putAside({ headers: { outbox_exchange: 'amq.direct' } });
    const { code, said } = await run('replay', '1', '2', '3', '--producer', producer, '--yes');
    expect(code).toBe(1);
    expect(said).toMatch(/another payload.*recorded no such message.*nothing of ours does/s);
    expect([await waiting(QUEUE), await waiting('mail-service.user.registered')]).toEqual([3, 0]);
  });

  it('keeps what nobody takes', async () => {
    await putAside({ headers: { outbox_routing_key: 'user.gone' } });
    const { code, said } = await run('replay', '1', '--trust', '--yes');
    expect({ code, said }).toEqual({
      code: 1,
      said: expect.stringContaining('no queue is bound for outbox.announcements user.gone'),
    });
    expect(await waiting(QUEUE)).toBe(1);
  });

  it('throws away only what was named, once somebody has said yes', async () => {
    const [one] = [await putAside(), await putAside()];
    expect(await run('drop', one)).toMatchObject({
      code: 1,
      said: expect.stringContaining('Throw away 1 copy? Not done'),
    });
    expect(await waiting(QUEUE)).toBe(2);
    expect(await run('drop', one, '--yes')).toMatchObject({ code: 0, out: '1 changed, 0 refused' });
    expect((await run('list')).out).not.toContain(one);
    expect(await waiting(QUEUE)).toBe(1);
  });

  it.each([
    [['list'], 1, /The quarantine is empty/],
    [['show', '7'], 1, /no copy "7" among the oldest 0/],
    [['replay', '1'], 1, /Give --producer/],
  ])('answers %j with %i', async ([command, ...more], code, says) => {
    if (command === 'replay') await putAside();
    const found = await run(command!, ...more);
    expect(found.code).toBe(code);
    expect(found.said).toMatch(says);
  });

  it('asks for broker and service', async () => {
    expect((await runTallystick(['quarantine', 'list'])).said).toContain('AMQP_URL');
    expect((await runTallystick(['quarantine', 'list'], { env: { AMQP_URL: amqp } })).said).toContain('--service');
    expect(
      (await runTallystick(['quarantine', 'list', '--service', 'nobody'], { env: { AMQP_URL: amqp } })).said,
    ).toContain("no queue 'nobody.quarantine'");
  });
});
