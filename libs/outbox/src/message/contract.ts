import { UnknownMessageError } from '../errors';
import { describeMs, type Duration, noDuration, toMs } from './duration';
import { unknownOptions } from './options';
import { messageTypeProblem, serviceNameProblem } from './names';

/** Which local follow-ups a delivery expects once its verdict is known (R13). */
export type FollowUp = 'none' | 'accepted' | 'rejected' | 'both';

/** A class that describes a message. */
// `any[]`, because a contract may have any constructor: the library never calls it with arguments.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type ContractClass<M extends object = object> = abstract new (...args: any[]) => M;

export interface OutboxMessageOptions<K extends string = string, M = never> {
  /** What travels, e.g. `order.requested`. Never reuse a type for another meaning. */
  type: string;
  /** The service (or services) that must answer. Without it the message is an *announcement*: nobody answers. */
  to?: string | readonly string[];
  /** The field (or a function) that yields the ordering key, e.g. `'userId'`. Recorded as `aggregateid`. */
  key?: K | ((message: M) => string);
  /** After this time without a verdict the library asks the consumer to cancel. Shorter than half the horizon. Default: no deadline. */
  deadline?: Duration;
  /**
   * In order: per consumer and `key`, the next message is sent when the one before is final, in the order in which their transactions
   * committed. Who records the same key waits for the end of the other's transaction. One that is parked holds its key back.
   * @default false
   */
  ordered?: boolean;
  /** Announcements only. `required` (default): nobody bound is retried, then parked. `optional`: it counts as delivered. */
  listeners?: 'required' | 'optional';
  /**
   * Follow-ups that must run before a row is closed, even if no process of the recording service has registered them yet.
   * Those that one has registered always must. Default: only those.
   */
  followUp?: FollowUp;
}

/** What `@OutboxMessage` declared, checked. */
export interface MessageContract<M extends object = object> {
  readonly contract: ContractClass<M>;
  readonly type: string;
  /** Empty for an announcement. */
  readonly consumers: readonly string[];
  readonly deadlineMs: number | undefined;
  readonly ordered: boolean;
  readonly listeners: 'required' | 'optional';
  readonly followUp: FollowUp | undefined;
  keyOf(message: M): string | undefined;
}

/** Known to every copy of the library in the process: a package of contracts may bring its own. */
const CONTRACT = Symbol.for('tallystick.contract');

/**
 * Declares a class to be a message contract. The class describes the payload with class-validator; the string `type` is
 * what travels. With `to` it is a *request*, one delivery and one verdict per consumer; without, an *announcement*.
 * @throws TypeError at class definition, if a name or duration is not usable
 */
export function OutboxMessage<K extends string = never, M = never>(options: OutboxMessageOptions<K, M>) {
  return <T extends ContractClass<[M] extends [never] ? { [key in K]?: unknown } : M & object>>(contract: T): void => {
    Object.defineProperty(contract, CONTRACT, {
      value: read(contract as ContractClass, options as unknown as OutboxMessageOptions<string, object>),
    });
  };
}

/**
 * The contract of a message class.
 * @throws UnknownMessageError if the class has no `@OutboxMessage`
 */
export function contractOf<M extends object>(contract: ContractClass<M>): MessageContract<M> {
  // Own properties only: a subclass of a contract is not that contract.
  const found: unknown = contract && Object.getOwnPropertyDescriptor(contract, CONTRACT)?.value;
  if (!found) {
    throw new UnknownMessageError(
      contract
        ? `${contract.name} is no message contract: decorate the class with @OutboxMessage({ type: '…', to: '…' }).`
        : 'The message contract is undefined here: probably a circular import. Import the class from the file that declares it.',
    );
  }
  return found as MessageContract<M>;
}

/**
 * The type that messages of this class travel under.
 * @throws UnknownMessageError if the class has no `@OutboxMessage`
 */
export function messageTypeOf(contract: ContractClass): string {
  return contractOf(contract).type;
}

/** Why no message of this contract could be sent: its consumers execute nothing that is older than the horizon. */
export function deadlineProblem({ type, deadlineMs = 0 }: MessageContract, horizonMs: number): string | undefined {
  if (deadlineMs < horizonMs / 2) return undefined;
  return (
    `the deadline of '${type}' (${describeMs(deadlineMs)}) must be shorter than half the horizon (${describeMs(horizonMs)}): ` +
    'a consumer refuses what is older. Shorten `deadline` in its @OutboxMessage, or lengthen `horizon` in all services.'
  );
}

const KNOWN = [
  'type',
  'to',
  'key',
  'deadline',
  'ordered',
  'listeners',
  'followUp',
] satisfies (keyof OutboxMessageOptions)[];

function read(contract: ContractClass, options: OutboxMessageOptions<string, object>): MessageContract {
  const consumers = options.to === undefined ? [] : typeof options.to === 'string' ? [options.to] : [...options.to];
  const deadlineMs = options.deadline === undefined ? undefined : toMs(options.deadline);
  const problems: (string | undefined)[] = [
    ...unknownOptions(options, KNOWN),
    messageTypeProblem(options.type),
    ...consumers.map(serviceNameProblem),
  ];
  if (new Set(consumers).size !== consumers.length) problems.push('a consumer is named twice');
  if (options.deadline !== undefined && !deadlineMs) problems.push(noDuration('deadline', options.deadline, '15m'));
  if (options.deadline !== undefined && consumers.length === 0)
    problems.push('an announcement has no deadline: nobody answers it');
  if (options.ordered && consumers.length === 0)
    problems.push('an announcement has no order: nobody says when it was handled');
  if (options.ordered && options.key === undefined) problems.push("'ordered' needs a 'key': in order with what?");
  if (options.listeners && consumers.length > 0)
    problems.push("'listeners' is for announcements; this message names its consumers");
  if (options.followUp && options.followUp !== 'none' && consumers.length === 0)
    problems.push('an announcement has no follow-up: nobody answers it');
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new TypeError(`@OutboxMessage on ${contract.name}: ${found.join('; ')}.`);

  const key = options.key;
  return {
    contract,
    type: options.type,
    consumers,
    deadlineMs,
    ordered: options.ordered ?? false,
    listeners: options.listeners ?? 'required',
    followUp: consumers.length === 0 ? 'none' : options.followUp,
    keyOf: (message) => {
      const value: unknown = typeof key === 'function' ? key(message as never) : key && message[key as keyof object];
      return value === undefined || value === null ? undefined : String(value);
    },
  };
}
