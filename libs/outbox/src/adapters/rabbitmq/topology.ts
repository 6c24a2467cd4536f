import type { Channel } from 'amqplib';
import { TopologyMismatchError } from '../../errors';
import type { Subscription } from '../../ports/transport';

/** Names on the broker (design §4). The README's table of exchanges and queues says the same. */
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

  /** Where a message or cancel goes: to its receiver, or as an announcement to every queue bound for its type. */
  route(kind: 'message' | 'cancel', type: string, to: string | undefined): { exchange: string; routingKey: string } {
    if (to === undefined) return { exchange: this.announcements, routingKey: type };
    return { exchange: this.requests, routingKey: kind === 'cancel' ? cancelKey(to) : requestKey(to, type) };
  }

  /** The queue of one handler: its own prefetch, its own backlog. */
  handlerQueue({ type, kind }: Pick<Subscription, 'type' | 'kind'>): Queue {
    const name = `${this.service}.${type}`;
    return kind === 'request'
      ? { name, binding: { exchange: this.requests, key: requestKey(this.service, type) } }
      : { name, binding: { exchange: this.announcements, key: type } };
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
    return { name: `${this.service}.quarantine`, binding: { exchange: this.quarantines, key: this.service } };
  }
}

export interface Exchange {
  readonly name: string;
  readonly type: 'direct' | 'topic';
}

export interface Queue {
  readonly name: string;
  readonly binding: Binding;
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
const QUEUE_OPTIONS = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

/**
 * Creates what is missing. What exists with other arguments stays as it is: nothing is ever deleted or declared by force,
 * for there may be messages in it.
 * @throws TopologyMismatchError; the channel is then closed
 */
export async function declare(
  channel: Channel,
  exchanges: readonly Exchange[],
  queues: readonly Queue[],
): Promise<void> {
  try {
    for (const { name, type } of exchanges) await channel.assertExchange(name, type, { durable: true });
    for (const { name, binding } of queues) {
      await channel.assertQueue(name, QUEUE_OPTIONS);
      await channel.bindQueue(name, binding.exchange, binding.key);
    }
  } catch (error) {
    throw mismatch(error) ?? error;
  }
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

/** Permissions and arguments do not mend themselves: a person has to look. */
export function needsPerson(problem: unknown): boolean {
  if (problem instanceof TopologyMismatchError) return true;
  return /\b(ACCESS_REFUSED|PRECONDITION_FAILED|NOT_ALLOWED)\b/.test(String(problem));
}
