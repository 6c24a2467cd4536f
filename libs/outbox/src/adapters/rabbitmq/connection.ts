import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Channel, ChannelModel, Options } from 'amqplib';
import { errorText } from '../../message/receipt';
import type { Clock } from '../../ports/clock';
import { loadAmqplib } from './amqplib';
import { joinWrites } from './join-writes';
import { quietly, wait } from '../../concurrency/waiting';

/** How to reach the broker. Passwords stay inside: only {@link describeAddress} goes into logs. */
export interface BrokerAccess {
  /** Tried in turn. */
  readonly addresses: readonly Options.Connect[];
  /** What amqplib hands to `net.connect` or `tls.connect`, and its own `credentials`, `clientProperties`, … */
  readonly socket: Readonly<Record<string, unknown>>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** How long the broker may take to say good-bye. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Connects to the first address that answers.
 * @param name shown in the broker's list of connections
 * @throws what the last address said
 */
export async function connect(access: BrokerAccess, name: string): Promise<ChannelModel> {
  const { connect } = loadAmqplib();
  const socket = { timeout: CONNECT_TIMEOUT_MS, ...access.socket };
  let problem: unknown;
  for (const address of access.addresses) {
    try {
      const connection = await connect(address, {
        // amqplib leaves Nagle's algorithm on, which holds small frames back: 47 ms instead of 5 for a round trip.
        noDelay: true,
        keepAlive: true,
        ...socket,
        clientProperties: { ...(access.socket.clientProperties as object | undefined), connection_name: name },
      });
      joinWrites(socketOf(connection));
      return connection;
    } catch (error) {
      const why = refusedVhost(error, address) ?? silence(error, socket.timeout) ?? messageOf(error);
      problem = new Error(`${describeAddress(address)}: ${why}`, { cause: error });
    }
  }
  throw problem;
}

/** `4` for RabbitMQ 4.0.5, as it says itself when it lets us in; undefined for another product. */
export function rabbitMajor({ connection }: ChannelModel): number | undefined {
  const { serverProperties = {} } = connection as unknown as { serverProperties?: Record<string, unknown> };
  const { product, version } = serverProperties;
  const major = product === 'RabbitMQ' ? Number.parseInt(String(version), 10) : NaN;
  return Number.isNaN(major) ? undefined : major;
}

/**
 * The broker says no to the virtual host, and why; amqplib 0.10 keeps to itself what it said and tells which frame it
 * would rather have had.
 */
function refusedVhost(error: unknown, { vhost }: Options.Connect): string | undefined {
  if (!/ConnectionOpenOk; got <ConnectionClose/.test(String(error))) return undefined;
  const name = decodeURIComponent(vhost || '/');
  return (
    `NOT_ALLOWED: the virtual host '${name}' does not exist, or this user may not use it. Create it with ` +
    `\`rabbitmqctl add_vhost '${name}'\` and give the user rights with \`rabbitmqctl set_permissions\`, or correct the url.`
  );
}

/** amqplib says `connect ETIMEDOUT`, also of a server that took the connection and never said a word. */
function silence(error: unknown, timeoutMs: number): string | undefined {
  return String(error).endsWith('connect ETIMEDOUT') ? `no answer within ${timeoutMs} ms` : undefined;
}

/** Without it a host name that resolves to two addresses answers with an AggregateError, whose own message is empty. */
function messageOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : errorText(error);
}

/** `amqp://host:5672/vhost`: never with user or password. */
export function describeAddress({ protocol = 'amqp', hostname = 'localhost', port, vhost }: Options.Connect): string {
  return `${protocol}://${hostname}:${port ?? (protocol === 'amqps' ? 5671 : 5672)}/${vhost ?? ''}`;
}

/**
 * Resolves when the connection or channel is gone: with the reason, or without one if we closed it, or if it is a channel
 * that went with its connection. Also the `error` listener without which amqplib would throw: a channel error would then
 * take the whole connection with it.
 */
export function gone(emitter: EventEmitter): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = (error?: unknown): void => resolve(error == null ? undefined : errorText(error));
    emitter.on('error', end);
    emitter.on('close', end);
  });
}

/** Says good-bye; a peer that does not answer is left. */
export async function closeConnection(connection: ChannelModel, clock: Clock): Promise<void> {
  const closed = quietly(() => connection.close());
  if (await wait(clock, CLOSE_TIMEOUT_MS, closed)) return;
  // amqplib waits for the answer for ever. Socket and heartbeat timers would keep the process alive; only an error ends both.
  socketOf(connection).destroy(new Error(`no answer to the good-bye within ${CLOSE_TIMEOUT_MS} ms`));
}

/** The same for a channel. What it had not acknowledged goes back to its queue. */
export async function closeChannel(channel: Channel, clock: Clock): Promise<void> {
  await wait(
    clock,
    CLOSE_TIMEOUT_MS,
    quietly(() => channel.close()),
  );
}

/** amqplib's own; its types leave it out. */
function socketOf({ connection }: ChannelModel): Socket {
  return (connection as unknown as { stream: Socket }).stream;
}
