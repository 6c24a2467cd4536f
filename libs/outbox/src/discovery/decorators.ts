import { InvalidHandlerError } from '../errors';
import type { ContractClass } from '../message/contract';
import { unknownOptions } from '../message/unknown-options';
import type { Duration } from '../message/duration';
import type * as ports from '../ports/handlers';
import type { EntityManager } from '../transactions';

/** What a handler is told beside the message. `manager` is the transaction in which the verdict is stored. */
export type MessageContext = ports.MessageContext<EntityManager>;
/** What a follow-up is told: also the verdict's `reason` (rejected) or the handler's `result` (accepted). */
export type FollowUpContext = ports.FollowUpContext<EntityManager>;

export interface MessageHandlerOptions {
  /** How many messages of this type are handled at once in this process. Default: {@link DEFAULT_CONCURRENCY}. */
  concurrency?: number;
  /**
   * Group commit: up to so many messages share one transaction, which makes handlers of a few short statements about twice
   * as fast. Optimistic: whatever goes wrong with one of them rolls all back, and each is then handled alone, from the
   * start. For handlers that rarely reject and write to rows of their own; not for hot rows. At most `concurrency`, which
   * should be a few times as large: `concurrency / groupCommit` transactions are open at once. Default: 1, no groups.
   */
  groupCommit?: number;
  /** After this time the work is rolled back and tried again later. Default: the module's `handlerTimeout`. */
  timeout?: Duration;
}

export type Role = 'handler' | 'accepted' | 'rejected';

/** What a decorator noted on a method. */
export interface Declared {
  readonly role: Role;
  readonly contract: ContractClass;
  readonly options: MessageHandlerOptions;
}

/** Known to every copy of the library in the process: a package of contracts may bring its own. */
const DECLARED = Symbol.for('tallystick.handlers');
const NAMES: Record<Role, string> = { handler: '@MessageHandler', accepted: '@OnAccepted', rejected: '@Compensate' };

// Generic in the method (G), so that a handler may take fewer parameters than it is offered.
type Decorates<F> = <G extends F>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<G>,
) => void;
// `any` in a return position: whatever a handler resolves to is allowed.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Handles<M, C> = (message: M, context: C) => Promise<any>;

/**
 * Handles a request or announcement, in the transaction in which its verdict is stored. Returning means *accepted* (what
 * it returns, if JSON, travels back as `result`); throwing `MessageRejected` means *rejected*, for good, and rolls the
 * work back; any other error means "not yet": everything is rolled back and the message comes again.
 *
 * Runs at least once per message and *commits* at most once. Only what it writes through the transaction is undone: an
 * e-mail sent from here may be sent twice; add a message instead. Guards and pipes do not run.
 */
export function MessageHandler<M extends object>(
  contract: ContractClass<M>,
  options: MessageHandlerOptions = {},
): Decorates<Handles<M, MessageContext>> {
  return declare('handler', contract, options);
}

/** Runs in the transaction that closes the delivery as *completed*: exactly once, or the row is not completed. */
export function OnAccepted<M extends object>(contract: ContractClass<M>): Decorates<Handles<M, FollowUpContext>> {
  return declare('accepted', contract, {});
}

/**
 * The local undo, in the transaction that closes the delivery as *compensated*: exactly once per rejecting receiver if,
 * and only if, the verdict is *rejected*. Throwing rolls it back; it is tried again, and parked after 20 attempts. Assume
 * nothing about today's state: the account may have been closed meanwhile.
 */
export function Compensate<M extends object>(contract: ContractClass<M>): Decorates<Handles<M, FollowUpContext>> {
  return declare('rejected', contract, {});
}

/** What is declared on a method; empty if nothing. */
export function declaredOn(method: object): readonly Declared[] {
  return (Reflect.getMetadata(DECLARED, method) as Declared[] | undefined) ?? [];
}

/** `@MessageHandler(OrderRequested)`, for messages to people. */
export function describeRole({ role, contract }: Declared): string {
  return `${NAMES[role]}(${contract.name})`;
}

const KNOWN = ['concurrency', 'groupCommit', 'timeout'] satisfies (keyof MessageHandlerOptions)[];

function declare<F>(role: Role, contract: ContractClass, options: MessageHandlerOptions): Decorates<F> {
  return (target, method, descriptor) => {
    const where = `${target.constructor.name}.${String(method)}`;
    if (!contract) {
      throw new InvalidHandlerError([
        `${where}: the contract of ${NAMES[role]} is undefined here. Circular import? Import the class from the file that declares it.`,
      ]);
    }
    const unknown = unknownOptions(options, KNOWN);
    if (unknown.length > 0) throw new InvalidHandlerError(unknown.map((problem) => `${where}: ${problem}`));
    const declared: Declared = { role, contract, options };
    Reflect.defineMetadata(DECLARED, [...declaredOn(descriptor.value as object), declared], descriptor.value as object);
  };
}
