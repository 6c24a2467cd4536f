import { Inject } from '@nestjs/common';
import { InvalidMessageError } from '../errors';
import type { ContractClass } from '../message/contract';
import { noteRecorded } from '../message/records';
import { refuseUnknownOptions } from '../message/options';
import { TRANSACTION_OPTIONS } from '../transactions/transactions-options';
import { injectTransactions, type TransactionOptions, transactionsOf, wrapMethod } from '../transactions';
import { Outbox } from './outbox';

type Recorded<M> = M | readonly M[] | null | undefined;

export interface MessageIdOption<M> {
  /** A UUID of your own for the message, if your row is to name it. Default: a new one. */
  id?: (message: M) => string;
}

export interface TransactionalMessageOptions<M, R, A extends readonly unknown[]>
  extends TransactionOptions, MessageIdOption<M> {
  /** What to record, from what the method returned and was given; null for nothing. Default: what it returned. */
  from: (result: R, args: A) => Recorded<M>;
}

/** Nest prints the description when it cannot find the provider: so that is where the advice belongs. */
const OUTBOX = Symbol('Outbox, for @TransactionalMessage(): import OutboxModule.forRoot(…) in the root module');
type Hosted = { readonly [OUTBOX]?: Outbox };

const ids = new WeakMap<object, string>();

/**
 * Runs the method in a transaction (its own, or the one it is called in) and records the message it returns in that same
 * transaction, as its last statement. Both commit or neither does. Return null to record nothing, an array for several.
 * The id of the message is found with `recordedMessageId(result)`.
 */
export function TransactionalMessage<M extends object>(
  contract: ContractClass<M>,
  options?: TransactionOptions & MessageIdOption<M>,
): <F extends (...args: never[]) => Promise<Recorded<M>>>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<F>,
) => void;
export function TransactionalMessage<M extends object, R, A extends unknown[]>(
  contract: ContractClass<M>,
  options: TransactionalMessageOptions<M, R, A>,
): (target: object, method: string | symbol, descriptor: TypedPropertyDescriptor<(...args: A) => Promise<R>>) => void;
export function TransactionalMessage(
  contract: ContractClass,
  options: Partial<TransactionalMessageOptions<object, unknown, unknown[]>> = {},
) {
  refuseUnknownOptions('@TransactionalMessage', options, ['from', 'id', ...TRANSACTION_OPTIONS]);
  const { from, id, ...transaction } = options;
  return (target: object, method: string | symbol, descriptor: PropertyDescriptor): void => {
    wrapMethod(target, method, descriptor, async (call) =>
      transactionsOf(call).run(async () => {
        const result = await call.proceed();
        const messages = from ? from(result, [...call.args]) : (result as Recorded<object>);
        await record((call.instance as Hosted)[OUTBOX]!, contract, messages, id, result, call.name);
        return result;
      }, transaction),
    );
    noteRecorded(descriptor.value as object, contract);
    injectTransactions(target);
    Inject(Outbox)(target, OUTBOX);
  };
}

/**
 * The id of the message that a `@TransactionalMessage` method recorded, looked up by what the method returned (or, with
 * several messages, by one of them). Undefined for anything else.
 */
export function recordedMessageId(result: object): string | undefined {
  return ids.get(result);
}

async function record(
  outbox: Outbox,
  contract: ContractClass,
  messages: Recorded<object>,
  idOf: ((message: object) => string) | undefined,
  result: unknown,
  where: string,
): Promise<void> {
  const list = Array.isArray(messages) ? (messages as readonly object[]) : messages ? [messages as object] : [];
  if (list.some((message) => typeof message !== 'object' || message === null)) {
    throw new InvalidMessageError(
      `${where} must return a ${contract.name} (or an array of them, or null), because it is a @TransactionalMessage.`,
      [],
    );
  }
  const added: { id: string }[] = [];
  if (idOf) for (const message of list) added.push(await outbox.add(contract, message, { id: idOf(message) }));
  else added.push(...(await outbox.addAll(contract, list)));
  added.forEach(({ id }, index) => ids.set(list[index]!, id));
  if (added.length === 1 && typeof result === 'object' && result !== null) ids.set(result, added[0]!.id);
}
