import { Inject } from '@nestjs/common';
import { TransactionRequiredError } from '../errors';
import { refuseUnknownOptions } from '../message/options';
import { Transactions } from './transactions';
import { TRANSACTION_OPTIONS, type TransactionOptions } from './transactions-options';
import { AsyncMethodDecorator, MethodCall, wrapMethod } from './wrap-method';

/** Nest prints the description when it cannot find the provider: so that is where the advice belongs. */
const TRANSACTIONS = Symbol(
  'Transactions, for @Transactional() or @TransactionalMessage(): import OutboxModule.forRoot(…) in the root module',
);

/** A method of an object that Nest created, and where to find that object's `Transactions`. */
type Hosted = { readonly [TRANSACTIONS]?: Transactions };

/**
 * Runs the method in a transaction: opens one or joins the open one, like {@link Transactions.run}.
 *
 * ```ts
 * @Transactional({ isolation: 'SERIALIZABLE' })
 * async transfer(from: string, to: string, cents: number): Promise<void> { … }
 * ```
 */
export function Transactional(options?: TransactionOptions): AsyncMethodDecorator {
  refuseUnknownOptions('@Transactional', options ?? {}, TRANSACTION_OPTIONS);
  return (target, key, descriptor) => {
    wrapMethod(target, key, descriptor, async (call) => transactionsOf(call).run(() => call.proceed(), options));
    injectTransactions(target);
  };
}

/**
 * For decorators built on {@link wrapMethod}: Nest puts its `Transactions` on every instance of the class. A property of
 * the instance, not a registry: several applications in one process do not meet.
 */
export function injectTransactions(target: object): void {
  Inject(Transactions)(target, TRANSACTIONS);
}

/** The `Transactions` of the object a method was called on. */
export function transactionsOf({ instance, name }: MethodCall): Transactions {
  const transactions = (instance as Hosted)[TRANSACTIONS];
  if (transactions) return transactions;
  throw new TransactionRequiredError(
    `${name} is transactional, but its object was not created by Nest, or the method was called without its object. ` +
      'In a unit test create it with Test.createTestingModule and provide Transactions.',
  );
}
