import { until } from '@tallystick/services';
import { type Channel, type ChannelModel, connect } from 'amqplib';

/** What the two services declare at their broker; docs/operations.md has the table. */
const EXCHANGES = ['requests', 'announcements', 'receipts', 'quarantine'].map((name) => `outbox.${name}`);
const QUEUES = [
  ...['user-service', 'order-service'].flatMap((service) =>
    ['cancel', 'receipts', 'quarantine'].map((name) => `${service}.${name}`),
  ),
  'order-service.order.requested',
];

/** How long the broker may take to see that the services have gone. */
const GONE_WITHIN_MS = 5_000;

/**
 * Looks, before the services start, which of their queues and exchanges this broker does not have.
 * @returns removes those, once the services have ended. What was there, or is by now in use by somebody else, stays.
 */
export async function ownQueues(amqpUrl: string): Promise<() => Promise<void>> {
  const [queues, exchanges] = await connected(amqpUrl, async (broker) => [
    await missing(broker, QUEUES, (channel, name) => channel.checkQueue(name)),
    await missing(broker, EXCHANGES, (channel, name) => channel.checkExchange(name)),
  ]);
  return () =>
    connected(amqpUrl, async (broker) => {
      for (const name of queues) if (await unused(broker, name)) await onChannel(broker, (c) => c.deleteQueue(name));
      for (const name of exchanges) {
        await onChannel(broker, (channel) => channel.deleteExchange(name, { ifUnused: true })).catch(unlessInUse);
      }
    });
}

async function missing(
  broker: ChannelModel,
  names: readonly string[],
  check: (channel: Channel, name: string) => Promise<unknown>,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    await onChannel(broker, (channel) => check(channel, name)).catch((error: { code?: number }) => {
      if (error.code !== 404) throw error;
      found.push(name);
    });
  }
  return found;
}

/** Asked first: quorum queues do not know the flag `ifUnused`. */
async function unused(broker: ChannelModel, queue: string): Promise<boolean> {
  const noConsumers = async (): Promise<boolean> => {
    const { consumerCount } = await onChannel(broker, (channel) => channel.checkQueue(queue));
    return consumerCount === 0;
  };
  return until(`nobody consumes ${queue}`, noConsumers, { timeoutMs: GONE_WITHIN_MS }).then(
    () => true,
    () => false,
  );
}

function unlessInUse(error: { code?: number }): void {
  if (error.code !== 406) throw error;
}

/** A channel for each question: the broker closes it with every answer that is an error. */
async function onChannel<T>(broker: ChannelModel, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await broker.createChannel();
  let open = true;
  channel.on('error', () => {}).on('close', () => (open = false));
  try {
    return await work(channel);
  } finally {
    if (open) await channel.close();
  }
}

async function connected<T>(amqpUrl: string, work: (broker: ChannelModel) => Promise<T>): Promise<T> {
  const broker = await connect(amqpUrl, { timeout: 5_000 });
  broker.on('error', () => {});
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}
