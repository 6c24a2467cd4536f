import type { Channel, ChannelModel } from 'amqplib';
import { TopologyMismatchError } from '../../errors';
import { EVERYBODY } from '../../message/delivery';
import { CANCEL_TYPE, RECEIPT_TYPE } from '../../message/envelope';
import type { Clock } from '../../ports/clock';
import type { Subscription } from '../../ports/transport';
import { closeChannel, gone, rabbitMajor } from './connection';

/** Names on the broker. The table of exchanges and queues in docs/operations.md (*RabbitMQ*) says the same. */
export class Topology {
  readonly requests: string;
  readonly announcements: string;
  readonly receipts: string;
  readonly quarantines: string;

  constructor(
    private readonly service: string,
    prefix: string,
  ) {
    this.requests = `${prefix}.requests`;
    this.announcements = `${prefix}.announcements`;
    this.receipts = `${prefix}.receipts`;
    this.quarantines = `${prefix}.quarantine`;
  }

  exchanges(): Exchange[] {
    return [
      { name: this.requests, type: 'direct' },
      { name: this.announcements, type: 'topic' },
      { name: this.receipts, type: 'direct' },
      { name: this.quarantines, type: 'direct' },
    ];
  }

  /** Where a message or cancel goes: to its consumer, or as an announcement to every queue bound for its type. */
  route(kind: 'message' | 'cancel', type: string, to: string | undefined): { exchange: string; routingKey: string } {
    if (to === undefined) return { exchange: this.announcements, routingKey: type };
    return { exchange: this.requests, routingKey: kind === 'cancel' ? cancelKey(to) : requestKey(to, type) };
  }

  /** As the semantic conventions for messaging name it: `outbox.requests:order-service.order.requested`. */
  destination(to: string, type: string): string {
    if (type === RECEIPT_TYPE) return `${this.receipts}:${to}`;
    const { exchange, routingKey } = this.route(
      type === CANCEL_TYPE ? 'cancel' : 'message',
      type,
      to === EVERYBODY ? undefined : to,
    );
    return `${exchange}:${routingKey}`;
  }

  /** The queue of one handler: its own prefetch, its own backlog. */
  handlerQueue({ type, kind }: Pick<Subscription, 'type' | 'kind'>): Queue {
    const name = `${this.service}.${type}`;
    return kind === 'request'
      ? { name, binding: { exchange: this.requests, key: requestKey(this.service, type) } }
      : { name, binding: { exchange: this.announcements, key: type }, irreplaceable: true };
  }

  /** Cancels need no handler and overtake the backlog: a queue of their own. */
  cancelQueue(): Queue {
    return {
      name: `${this.service}.cancel`,
      binding: { exchange: this.requests, key: cancelKey(this.service) },
    };
  }

  receiptQueue(): Queue {
    return { name: `${this.service}.receipts`, binding: { exchange: this.receipts, key: this.service } };
  }

  /**
   * Where this service puts what nobody can be told about, for a person. Not reached through the default exchange: whoever
   * may write there may write into every queue, and so forge receipts.
   */
  quarantine(): Queue {
    return {
      name: quarantineOf(this.service),
      binding: { exchange: this.quarantines, key: this.service },
      irreplaceable: true,
    };
  }
}

/** Of any service at this broker. */
export function quarantineOf(service: string): string {
  return `${service}.quarantine`;
}

export interface Exchange {
  readonly name: string;
  readonly type: 'direct' | 'topic';
}

export interface Queue {
  readonly name: string;
  readonly binding: Binding;
  /** Nobody asks again for what gets lost in it: announcements, and what was put aside for a person. */
  readonly irreplaceable?: boolean;
}

export interface Binding {
  readonly exchange: string;
  readonly key: string;
}

function requestKey(consumer: string, type: string): string {
  return `${consumer}.${type}`;
}

function cancelKey(consumer: string): string {
  return `${consumer}.cancel`;
}

/** Everything survives a restart of the broker; queues survive the loss of one of its nodes. */
const QUORUM = { 'x-queue-type': 'quorum' };
/**
 * Since 4.0 a quorum queue drops a message that came back 20 times, and counts every copy that was in the hands of a process
 * that died. Never asked for before 4.0: there -1 is accepted, and drops a message the first time.
 */
const UNLIMITED = { ...QUORUM, 'x-delivery-limit': -1 };
const UNLIMITED_SINCE = 4;

/**
 * Creates what is missing, over a channel of its own. What exists with other arguments stays as it is: nothing is ever
 * deleted or declared by force, for there may be messages in it. A queue that exists with another delivery limit is used:
 * it may have been declared before the broker was upgraded, or by a service that is connected to a node of another version.
 * @param onLimited told of such a queue, if this broker's limit is one that loses messages
 * @throws TopologyMismatchError
 */
export async function declare(
  connection: ChannelModel,
  exchanges: readonly Exchange[],
  queues: readonly Queue[],
  clock: Clock,
  onLimited: (queue: string) => void = () => {},
): Promise<void> {
  const unlimited = (rabbitMajor(connection) ?? 0) >= UNLIMITED_SINCE;
  let channel = await openChannel(connection);
  try {
    for (const { name, type } of exchanges) await channel.assertExchange(name, type, { durable: true });
    for (const { name, binding, irreplaceable } of queues) {
      const ways = irreplaceable ? WAYS.slice(unlimited ? 0 : 1) : [asQuorum];
      for (const [index, assert] of ways.entries()) {
        try {
          await assert(channel, name);
          if (unlimited && index > 0) onLimited(name);
          break;
        } catch (error) {
          if (!isOtherLimit(error) || index === ways.length - 1) throw error;
          channel = await openChannel(connection); // the broker closed the other one
        }
      }
      await channel.bindQueue(name, binding.exchange, binding.key);
    }
  } catch (error) {
    throw mismatch(error) ?? error;
  } finally {
    await closeChannel(channel, clock);
  }
}

const asQuorum = (channel: Channel, name: string): Promise<unknown> =>
  channel.assertQueue(name, { durable: true, arguments: QUORUM });

/** Tried in turn while the only difference is the delivery limit. The last takes the queue with whatever limit a person gave it. */
const WAYS: readonly ((channel: Channel, name: string) => Promise<unknown>)[] = [
  (channel, name) => channel.assertQueue(name, { durable: true, arguments: UNLIMITED }),
  asQuorum,
  (channel, name) => channel.checkQueue(name),
];

async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  void gone(channel);
  return channel;
}

function isOtherLimit(error: unknown): boolean {
  return error instanceof Error && INEQUIVALENT.exec(error.message)?.[1] === 'x-delivery-limit';
}

/** `inequivalent arg 'x-queue-type' for queue 'a.b' in vhost '/': received 'quorum' but current is 'classic'` */
const INEQUIVALENT = /inequivalent arg '([^']+)' for (queue|exchange) '([^']+)' in vhost '[^']*': ([^"]*)/;

function mismatch(error: unknown): TopologyMismatchError | undefined {
  const [, argument, kind, name, difference] = (error instanceof Error && INEQUIVALENT.exec(error.message)) || [];
  if (name === undefined) return undefined;
  return new TopologyMismatchError(
    `The ${kind} '${name}' exists on the broker with another '${argument}': ${difference}. Nothing was changed there. ` +
      `Rename or delete the old ${kind} (move its messages away first), or use another virtual host, and start again.`,
    { cause: error },
  );
}

/** Permissions, arguments and virtual hosts do not mend themselves: a person has to look. */
export function needsPerson(problem: unknown): boolean {
  if (problem instanceof TopologyMismatchError) return true;
  return /\b(ACCESS_REFUSED|PRECONDITION_FAILED|NOT_ALLOWED)\b/.test(String(problem));
}

/**
 * Replicas that start together on an empty broker declare the same queues. To all but one of them it says that a quorum
 * queue is there before anybody can consume it, and ends the connection of who tries (RabbitMQ 3.10.8).
 */
export function isBeingMade(problem: unknown): boolean {
  return /\b541\b.*\bINTERNAL_ERROR\b/.test(String(problem));
}
