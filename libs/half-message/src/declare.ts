import type { Channel, ChannelModel } from 'amqplib';
import type { Queue, Topology } from './topology';

/**
 * Creates what is missing, over a channel of its own. A queue that exists with another delivery limit is used as it is: it was
 * declared before the broker was upgraded, or somebody wanted it so, and there may be messages in it.
 * @param onLimited told of such a queue
 * @throws Error if something exists with other arguments
 */
export async function declare(
  connection: ChannelModel,
  topology: Topology,
  onLimited: (queue: string) => void,
): Promise<void> {
  let channel = await open(connection);
  try {
    for (const exchange of [topology.half, topology.checks, topology.parked])
      await channel.assertExchange(exchange, 'direct', { durable: true });
    for (const queue of topology.queues(majorOf(connection))) {
      try {
        await assert(channel, queue);
      } catch (error) {
        if (!OTHER_LIMIT.test(String(error))) throw error;
        channel = await open(connection); // the broker closed the other one
        onLimited(queue.name);
      }
      await channel.bindQueue(queue.name, queue.exchange, queue.key);
    }
  } finally {
    await channel.close().catch(() => {}); // it may be closed
  }
}

const OTHER_LIMIT = /inequivalent arg 'x-delivery-limit'/;

function assert(channel: Channel, { name, arguments: given }: Queue): Promise<unknown> {
  return channel.assertQueue(name, { durable: true, arguments: given });
}

async function open(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  return channel.on('error', () => {}); // whoever waits for an answer is told as well
}

/** Of the broker's version. */
function majorOf({ connection }: ChannelModel): number {
  const { serverProperties } = connection as unknown as { serverProperties: { version: string } };
  return Number.parseInt(serverProperties.version, 10);
}
