import { type ChannelModel, type ConfirmChannel, connect, type GetMessage, type Options } from 'amqplib';

/** A copy that waits in a queue for a person. */
export interface Held {
  /** Counted from 1, the oldest first. Only for as long as nobody takes anything out. */
  readonly position: number;
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly message: GetMessage;
}

const TIMEOUT_MS = 10_000;
/** Since then a quorum queue counts what comes back, a look included, and drops it at its limit, unless it has none. */
const COUNTING_SINCE = 4;

/** Shown to whoever looks into a queue that counts. */
class LookingCountsError extends Error {
  constructor(queue: string) {
    super(
      `${queue} was declared with a limit of deliveries: every look counts, and at the limit a message is gone. Lift it first: ` +
        `rabbitmqctl set_policy --apply-to quorum_queues keep '^${queue.replaceAll('.', '\\.')}$' '{"delivery-limit": -1}'; then give --force.`,
    );
  }
}

/**
 * Takes up to `limit` copies into the hand, and puts back what the work has not acknowledged: also when it fails, for then
 * the channel is closed. Others who look meanwhile see what is left.
 * @throws LookingCountsError
 */
export async function withHeld<T>(
  url: string,
  queue: string,
  { limit, force }: { limit: number; force: boolean },
  work: (held: Held[], channel: ConfirmChannel) => Promise<T>,
): Promise<T> {
  const connection = await connect(url, { timeout: TIMEOUT_MS });
  connection.on('error', () => {}); // whoever waits for an answer is told as well
  try {
    if (!force) await refuseLimited(connection, queue);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.checkQueue(queue); // says which queue is missing, where `get` would not
    const held: Held[] = [];
    while (held.length < limit) {
      const message = await channel.get(queue);
      if (!message) break;
      const { messageId, type } = message.properties;
      held.push({ position: held.length + 1, id: text(messageId), type: text(type), message });
    }
    const result = await work(held, channel);
    channel.nackAll(true);
    await channel.close();
    return result;
  } finally {
    await connection.close().catch(() => {});
  }
}

/** Declared anew as it is, a queue that exists is left as it is; with other arguments the broker says no. */
async function refuseLimited(connection: ChannelModel, queue: string): Promise<void> {
  const { serverProperties = {} } = connection.connection as unknown as { serverProperties?: Record<string, unknown> };
  if (Number.parseInt(String(serverProperties.version), 10) < COUNTING_SINCE) return;
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await channel.checkQueue(queue); // never made by looking
  try {
    await channel.assertQueue(queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 },
    });
    await channel.close();
  } catch (error) {
    if ((error as { code?: number }).code !== 406) throw error;
    throw new LookingCountsError(queue);
  }
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Publishes over a channel whose copies are in the hand. @throws Error if nobody took it: then it is still where it was */
export async function publishTo(
  channel: ConfirmChannel,
  exchange: string,
  key: string,
  content: Buffer,
  properties: Options.Publish,
): Promise<void> {
  let returned = false;
  const onReturn = (): void => void (returned = true);
  channel.on('return', onReturn);
  try {
    await new Promise<void>((resolve, reject) => {
      const given = { ...properties, persistent: true, mandatory: true };
      channel.publish(exchange, key, content, given, (error: unknown) => (error ? reject(error as Error) : resolve()));
    });
  } finally {
    channel.off('return', onReturn);
  }
  if (returned) throw new Error(`no queue is bound for ${exchange} ${key}`);
}
