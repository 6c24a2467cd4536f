import { type ContractClass, messageTypeOf } from '@tallystick/outbox';
import type { CheckAnswer } from './decision';
import type { HalfMessage } from './half-message';

/** What `@TransactionChecker` stands on. */
export type Checks = (half: HalfMessage) => Promise<CheckAnswer> | CheckAnswer;

const CHECKER = Symbol.for('tallystick.half-message.checker');

interface Declared {
  readonly contract: ContractClass;
  readonly type: string;
}

/**
 * The method that is asked, in any process of this service, whether the work of a half message was committed.
 *
 * It may answer `rolled back` only if the work **cannot be committed any more**, and has to see to that itself: by a barrier
 * that a late transaction runs into (`TypeOrmBarrier`, `RedisBarrier`), or by closing the effect where it is kept (a payment
 * that was cancelled). "Not found" alone is `not known yet`. The answer must not change any more once it was `committed` or
 * `rolled back`. An error is `not known yet`.
 */
export function TransactionChecker(contract: ContractClass) {
  return <F extends Checks>(
    _target: object,
    _method: string | symbol,
    descriptor: TypedPropertyDescriptor<F>,
  ): void => {
    const declared: Declared = { contract, type: messageTypeOf(contract) };
    Reflect.defineMetadata(CHECKER, declared, descriptor.value!);
  };
}

/** What is declared on a method, if anything is. */
export function declaredOn(method: object): Declared | undefined {
  return Reflect.getMetadata(CHECKER, method) as Declared | undefined;
}
