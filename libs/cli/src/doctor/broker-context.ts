import type { ChannelModel } from 'amqplib';
import type { ReadOnlyDatabase } from '../database';
import type { Management } from './management';

/** What the checks of a broker go by. */
export interface BrokerContext {
  readonly connection: ChannelModel;
  /** Undefined: nobody said where it is. */
  readonly management: Management | undefined;
  /** What the names of the exchanges begin with. */
  readonly prefix: string;
  /** What the tables say about who sends and who handles; undefined without a database. */
  readonly database: ReadOnlyDatabase | undefined;
}

export interface QueueState {
  readonly messageCount: number;
  readonly consumerCount: number;
}

/** What anybody may ask about a queue; undefined if there is none. Not found closes a channel, so each has its own. */
export async function queueState(connection: ChannelModel, name: string): Promise<QueueState | undefined> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  try {
    const state = await channel.checkQueue(name);
    await channel.close();
    return state;
  } catch (error) {
    if ((error as { code?: number }).code === 404) return undefined;
    throw error;
  }
}

/** `4.0` of RabbitMQ 4.0.5, as a number; undefined for another product. */
export function rabbitVersion({ connection }: ChannelModel): { text: string; number: number } | undefined {
  const { serverProperties = {} } = connection as unknown as { serverProperties?: Record<string, unknown> };
  const { product, version } = serverProperties;
  const [, major, minor] = (product === 'RabbitMQ' && /^(\d+)\.(\d+)/.exec(String(version))) || [];
  return major === undefined ? undefined : { text: String(version), number: Number(major) * 1_000 + Number(minor) };
}

/** The names that the library gives things on the broker, by what the tables say. */
export interface Names {
  /** Who records here. */
  readonly services: readonly string[];
  /** Who handles what here. */
  readonly handled: readonly { readonly consumer: string; readonly type: string }[];
  /** To whom messages went, of what is open and of the newest thousand. */
  readonly sent: readonly { readonly service: string; readonly consumer: string; readonly type: string }[];
}

export async function namesIn({ database }: BrokerContext): Promise<Names> {
  if (!database) return { services: [], handled: [], sent: [] };
  const { ask, questions } = database;
  const sent = await ask(questions.addressed());
  const handled = await ask(questions.handled());
  return { services: [...new Set(sent.map(({ service }) => service))], handled, sent };
}
