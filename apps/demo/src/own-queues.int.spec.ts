import { testBroker } from '@tallystick/services';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { ownQueues } from './own-queues';

const MINE = 'order-service.receipts';
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

describe('what the demo removes from a broker that it was given', () => {
  let url: string;
  let somebody: ChannelModel;
  let channel: Channel;

  beforeEach(async () => {
    url = await testBroker('own_queues');
    somebody = await connect(url);
    channel = await somebody.createChannel();
  });
  afterEach(() => somebody.close());

  it('is what was not there before', async () => {
    const remove = await ownQueues(url);
    await channel.assertExchange('outbox.receipts', 'direct', { durable: true });
    await channel.assertQueue(MINE, quorum);
    await channel.bindQueue(MINE, 'outbox.receipts', 'order-service');
    await remove();
    expect([await there('queue', MINE), await there('exchange', 'outbox.receipts')]).toEqual([false, false]);
  });

  it('is not what was there, with its messages', async () => {
    await channel.assertExchange('outbox.receipts', 'direct', { durable: true });
    await channel.assertQueue(MINE, quorum);
    const remove = await ownQueues(url);
    await remove();
    expect([await there('queue', MINE), await there('exchange', 'outbox.receipts')]).toEqual([true, true]);
  });

  it('is not what somebody else has come to use', async () => {
    const remove = await ownQueues(url);
    await channel.assertExchange('outbox.receipts', 'direct', { durable: true });
    await channel.assertQueue(MINE, quorum);
    await channel.bindQueue(MINE, 'outbox.receipts', 'order-service');
    await channel.consume(MINE, () => {});
    await remove();
    expect([await there('queue', MINE), await there('exchange', 'outbox.receipts')]).toEqual([true, true]);
  });

  async function there(kind: 'queue' | 'exchange', name: string): Promise<boolean> {
    const asked = await somebody.createChannel();
    asked.on('error', () => {});
    return (kind === 'queue' ? asked.checkQueue(name) : asked.checkExchange(name)).then(
      () => true,
      () => false,
    );
  }
});
