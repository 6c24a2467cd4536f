import { connect, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { auditRig, type Rig, type RigOptions, startRig } from '@tallystick/proof/rig';
import { Cleanup, connectTestPostgres, testBroker, until } from '@tallystick/services';

/**
 * Drills with messages that carry their own fate (see the rig), and with clocks that run in seconds instead of minutes.
 * After each of them both databases are asked, in SQL, whether the promise held.
 */
describe('whatever becomes of a message', () => {
  let rig: Rig;
  let amqpUrl: string;
  let accountId: string;
  let channel: ConfirmChannel;
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  it('no receipt gets through: it is sent again until one does, and answered from the inbox', async () => {
    await open();
    await channel.unbindQueue('rig-producer.receipts', 'outbox.receipts', 'rig-producer');
    await rig.recordMany({ accountId, amount: 10, count: 50 });
    // 10 % of them rejected, so that refunds wait for receipts as well
    await rig.recordMany({ accountId, amount: 10, count: 5, script: { reject: 'NO' } });

    const twice = 'select count(*)::int as count from outbox_delivery where attempts > 1';
    await until('each has been sent a second time', async () => (await number('producer', twice)) === 55);
    expect(
      await number('producer', 'select count(*)::int as count from outbox_delivery where verdict is not null'),
    ).toBe(0);
    expect(await number('consumer', 'select count(*)::int as count from inbox_message')).toBe(55);

    await channel.bindQueue('rig-producer.receipts', 'outbox.receipts', 'rig-producer');
    await rig.settled();
    await expectPromiseKept();
    const counters = await rig.consumers[0].counters();
    expect(counters['inbox.handled']).toBe(55);
    expect(counters['inbox.replayed']).toBeGreaterThanOrEqual(55);
    expect(counters['transport.receipt-not-sent']).toBeGreaterThanOrEqual(55);
  }, 240_000);

  it('it arrives three times, and so does its receipt: it is executed once', async () => {
    await open();
    await tripled('outbox.requests', 'rig-consumer.purchase.made', 'rig-consumer.purchase.made');
    await tripled('outbox.receipts', 'rig-producer', 'rig-producer.receipts');
    await rig.recordMany({ accountId, amount: 10, count: 100 });
    await rig.recordMany({ accountId, amount: 10, count: 20, script: { reject: 'NO' } });
    await rig.settled();

    const seen = async (): Promise<number> => {
      const counters = await rig.consumers[0].counters();
      return (counters['inbox.replayed'] ?? 0) + (counters['inbox.twin-in-progress'] ?? 0);
    };
    await until('the copies have been recognised', async () => (await seen()) >= 240);
    expect(await rig.consumers[0].counters()).toMatchObject({ 'inbox.handled': 120 });
    // each copy was answered, and each answer tripled
    await until('so have the copies of the receipts', async () => {
      return ((await rig.producers[0].counters())['receipt.duplicate'] ?? 0) >= 240;
    });
    await expectPromiseKept();
  }, 240_000);

  it('nobody knows its type: it is put off, then parked, alarmed, and refunded once a person has cancelled it', async () => {
    await open();
    // As after a deployment was rolled back: the type is still routed to us, its handler is gone.
    await channel.bindQueue('rig-consumer.purchase.made', 'outbox.requests', 'rig-consumer.purchase.unheard');
    const poison = await rig.record({ accountId, amount: 10, script: { poison: 'unknown-type' } });
    const innocent = await rig.recordMany({ accountId, amount: 10, count: 20 });
    await rig.reaches(poison.messageId, 'parked');
    for (const { messageId } of innocent) await rig.reaches(messageId, 'completed');

    expect(rig.producers[0].output).toMatch(/delivery\.parked .*UNKNOWN_TYPE/);
    expect(await auditRig(rig, { parked: [poison.messageId] })).toEqual([]);
    await rig.producers[0].send('POST', `messages/${poison.messageId}/cancel`);
    await rig.reaches(poison.messageId, 'compensated');
    await expectPromiseKept();
  }, 240_000);

  it('nobody ever bound a queue for its type: it stays pending, says why, and can be cancelled', async () => {
    await open();
    const { messageId } = await rig.record({ accountId, amount: 10, script: { poison: 'unknown-type' } });
    const why = 'select last_error from outbox_delivery where message_id = $1';
    await until('it says why', async () => {
      const [row] = await rig.query<{ last_error: string | null }>('producer', why, [messageId]);
      return row?.last_error?.startsWith('UNROUTABLE') ?? false;
    });
    expect(await rig.stateOf(messageId)).toBe('pending');
    await rig.producers[0].send('POST', `messages/${messageId}/cancel`);
    await rig.reaches(messageId, 'compensated');
    await expectPromiseKept();
  }, 240_000);

  it('the consumer refuses its payload: it is parked at once, and disturbs nobody', async () => {
    await open();
    const poison = await rig.record({ accountId, amount: 10, script: { poison: 'invalid-payload' } });
    await rig.recordMany({ accountId, amount: 10, count: 20 });
    await rig.settled({ parked: 1 });
    expect(rig.producers[0].output).toMatch(/delivery\.parked .*INVALID_PAYLOAD/);
    expect(await auditRig(rig, { parked: [poison.messageId] })).toEqual([]);
    // Sent again it meets the same consumer; cancelled it needs no payload.
    await rig.producers[0].send('POST', `messages/${poison.messageId}/retry`);
    await rig.reaches(poison.messageId, 'parked');
    await rig.producers[0].send('POST', `messages/${poison.messageId}/cancel`);
    await rig.reaches(poison.messageId, 'compensated');
    await expectPromiseKept();
  }, 240_000);

  it('its handler throws five times and then works: it is put off five times and completed', async () => {
    await open();
    const { messageId } = await rig.record({ accountId, amount: 10, script: { failTimes: 5 } });
    await rig.settled();
    expect(await rig.stateOf(messageId)).toBe('completed');
    expect(await rig.consumers[0].counters()).toMatchObject({ 'inbox.deferred': 5, 'inbox.handled': 1 });
    await expectPromiseKept();
  }, 240_000);

  it('its compensation throws three times and then works: the verdict waits, and the refund is made once', async () => {
    await open();
    const script = { reject: 'NO', compensateFailTimes: 3 };
    const { messageId } = await rig.record({ accountId, amount: 10, script });
    await rig.settled();
    expect(await rig.stateOf(messageId)).toBe('compensated');
    expect(await transitions(messageId)).toEqual(['answered', 'compensated']);
    expect(await rig.producers[0].counters()).toMatchObject({ 'follow-up.failed': 3 });
    expect(await rig.consumers[0].counters()).toMatchObject({ 'inbox.handled': 1 });
    await expectPromiseKept();
  }, 240_000);

  it('its deadline passes while the consumer is down: it is cancelled and refunded, and late copies do nothing', async () => {
    await open({ options: { deadline: '3s', outbox: { receiptWait: { first: '30s', max: '30s' } } } });
    await rig.consumers[0].kill('SIGTERM');
    const copies = await collected('outbox.requests', 'rig-consumer.purchase.made');
    const { messageId } = await rig.record({ accountId, amount: 10 });
    await rig.reaches(messageId, 'sent');
    await rig.reaches(messageId, 'cancelling');
    // The message is still in the consumer's queue: it and the cancel now race, and either way the answer is no.
    await rig.consumers[0].start();
    await rig.reaches(messageId, 'compensated');
    const [verdict] = await rig.query<{ code: string }>(
      'consumer',
      "select reason ->> 'code' as code from inbox_message",
    );
    expect(verdict!.code).toBe('DEADLINE');

    const [late] = copies;
    channel.sendToQueue('rig-consumer.purchase.made', late!.content, late!.properties);
    await until('the late copy has been answered', async () => {
      return ((await rig.consumers[0].counters())['inbox.replayed'] ?? 0) >= 2;
    });
    expect(await number('consumer', 'select count(*)::int as count from orders')).toBe(0);
    await expectPromiseKept();
  }, 240_000);

  async function open(options: Partial<RigOptions> = {}): Promise<void> {
    amqpUrl = await testBroker('drill');
    rig = cleanup.stopLater(await startRig({ server: connectTestPostgres(), amqpUrl, ...options }));
    accountId = await rig.openAccount(1_000_000);
    const broker = await connect(amqpUrl);
    cleanup.defer(() => broker.close());
    channel = await broker.createConfirmChannel();
  }

  /** From now on whatever goes this way is delivered twice more, exactly as it was. */
  async function tripled(exchange: string, key: string, queue: string): Promise<void> {
    await tapped(exchange, key, ({ content, properties }) => {
      for (let copy = 0; copy < 2; copy++) channel.sendToQueue(queue, content, properties);
    });
  }

  async function collected(exchange: string, key: string): Promise<ConsumeMessage[]> {
    const messages: ConsumeMessage[] = [];
    await tapped(exchange, key, (message) => messages.push(message));
    return messages;
  }

  async function tapped(exchange: string, key: string, onMessage: (message: ConsumeMessage) => void): Promise<void> {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, key);
    await channel.consume(queue, (message) => message && onMessage(message), { noAck: true });
  }

  async function number(side: 'producer' | 'consumer', sql: string): Promise<number> {
    const [row] = await rig.query<{ count: number }>(side, sql);
    return row!.count;
  }

  /** The states a delivery went through from its first verdict on. */
  async function transitions(messageId: string): Promise<string[]> {
    const sql =
      "select new_state as after from transition where message_id = ? and new_state not in ('pending', 'sent') order by id";
    return (await rig.query<{ after: string }>('producer', sql, [messageId])).map(({ after }) => after);
  }

  async function expectPromiseKept(): Promise<void> {
    await rig.settled();
    expect(await auditRig(rig)).toEqual([]);
    expect(rig.problems).toEqual([]);
  }
});
