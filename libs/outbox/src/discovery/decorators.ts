import { InvalidHandlerError } from '../errors';
import type { ContractClass } from '../message/contract';
import { unknownOptions } from '../message/options';
import type * as ports from '../ports/handlers';
import type { EntityManager } from '../transactions';
import type { BatchHandlerOptions, HandlerOptions, MessageHandlerOptions } from './handler-options';

export type { BatchHandlerOptions, MessageHandlerOptions } from './handler-options';

/** What a handler is told beside the message. `manager` is the transaction in which the verdict is stored. */
export type MessageContext = ports.MessageContext<EntityManager>;
/** What a follow-up is told: also the verdict's `reason` (rejected) or the handler's `result` (accepted). */
export type FollowUpContext = ports.FollowUpContext<EntityManager>;

export type Role = 'handler' | 'accepted' | 'rejected';

/** What a decorator noted on a method. */
export interface Declared {
  readonly role: Role;
  readonly contract: ContractClass;
  readonly options: HandlerOptions;
  /** Class of the method's first parameter, if the compiler wrote it down. */
  readonly parameter: unknown;
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
type Handles<M, C, R = any> = (message: M, context: C) => Promise<R>;

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
  options?: MessageHandlerOptions,
): Decorates<Handles<M, MessageContext>>;
/**
 * With `batch`, the method takes arrays: up to so many messages in hand at once, and a context for each, in one transaction.
 * Returning means that all are *accepted*; nothing, or an array with a result for each. If it throws, all is rolled back and it
 * is called for each alone, with arrays of one: only then a rejection or failure falls on a message. Copies of messages it
 * has handled, late ones and invalid ones never reach it. What it adds to the outbox has a cause only if it was called with
 * one message: pass on `correlation` yourself.
 */
export function MessageHandler<M extends object>(
  contract: ContractClass<M>,
  options: BatchHandlerOptions,
): Decorates<Handles<M[], MessageContext[], readonly unknown[] | void>>;
export function MessageHandler(
  contract: ContractClass,
  options: HandlerOptions = {},
): Decorates<Handles<never, never>> {
  return declare('handler', contract, options);
}

/** Runs in the transaction that closes the delivery as *completed*: exactly once, or the row is not completed. */
export function OnAccepted<M extends object>(contract: ContractClass<M>): Decorates<Handles<M, FollowUpContext>> {
  return declare('accepted', contract, {});
}

/**
 * The local undo, in the transaction that closes the delivery as *compensated*: exactly once per rejecting consumer if,
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

const KNOWN = ['concurrency', 'groupCommit', 'batch', 'timeout'] satisfies (keyof HandlerOptions)[];

function declare<F>(role: Role, contract: ContractClass, options: HandlerOptions): Decorates<F> {
  return (target, method, descriptor) => {
    const where = `${target.constructor.name}.${String(method)}`;
    if (!contract) {
      throw new InvalidHandlerError([
        `${where}: the contract of ${NAMES[role]} is undefined here. Circular import? Import the class from the file that declares it.`,
      ]);
    }
    const unknown = unknownOptions(options, KNOWN);
    if (unknown.length > 0) throw new InvalidHandlerError(unknown.map((problem) => `${where}: ${problem}`));
    const [parameter] = (Reflect.getMetadata('design:paramtypes', target, method) ?? []) as unknown[];
    const declared: Declared = { role, contract, options, parameter };
    Reflect.defineMetadata(DECLARED, [...declaredOn(descriptor.value as object), declared], descriptor.value as object);
  };
}
