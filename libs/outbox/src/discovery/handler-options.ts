import { type Duration, noDuration, toMs } from '../message/duration';

export interface MessageHandlerOptions {
  /** How many messages of this type are in hand at once in this process. Default: 8. */
  concurrency?: number;
  /**
   * Group commit: messages in hand share one transaction, which makes handlers of a few short statements about twice as
   * fast. Optimistic: whatever goes wrong with one of them rolls all back, and each is then handled alone, from the start.
   * So what a handler does beside the transaction is repeated more often: for its neighbours' sake, not only for its own.
   * That is why it is asked for, handler by handler. For handlers that rarely reject and write to rows of their own.
   *
   * `'auto'`: a message that finds nothing under way does not wait and has its own transaction, as without; those that
   * come meanwhile share one, up to 16. A handler that takes much longer than the rest of its
   * transaction is left alone.
   *
   * A number: up to so many, and the first one waits a millisecond for others. At most `concurrency`, which should be a few
   * times as large: `concurrency / groupCommit` transactions are open at once.
   *
   * Default: 1, no groups.
   */
  groupCommit?: number | 'auto';
  /** After this time the work is rolled back and tried again later. Default: the module's `handlerTimeout`. */
  timeout?: Duration;
  /** See {@link BatchHandlerOptions}. */
  batch?: undefined;
}

/** Of a handler that takes an array of messages. */
export interface BatchHandlerOptions {
  /**
   * The method takes arrays: up to so many messages that are in hand at once, and their contexts, in one transaction. Whatever
   * it throws rolls all back; then it is called again for each alone, with arrays of one, so that a rejection falls on its own
   * message. Alone a message does not wait for others. From 1 to 500.
   */
  batch: number;
  /** How many messages are in hand at once, at least `batch`. Default: twice as many, so that one batch gathers beside another. */
  concurrency?: number;
  /** Of one call, for all its messages. Default: the module's `handlerTimeout`. */
  timeout?: Duration;
  /** An array handler's messages share a transaction anyway. */
  groupCommit?: undefined;
}

export type HandlerOptions = MessageHandlerOptions | BatchHandlerOptions;

/** Messages of one type in hand at once in one process. */
const DEFAULT_CONCURRENCY = 8;
const MAX_CONCURRENCY = 1_000;
const MAX_BATCH = MAX_CONCURRENCY / 2;

export function concurrencyOf({ concurrency, batch }: HandlerOptions): number {
  return concurrency ?? (batch === undefined ? DEFAULT_CONCURRENCY : 2 * batch);
}

/** What cannot work; undefined if nothing. */
export function optionsProblem(options: HandlerOptions): string | undefined {
  const { concurrency, groupCommit, batch, timeout } = options;
  if (concurrency !== undefined && !isWhole(concurrency, MAX_CONCURRENCY))
    return `concurrency ${concurrency} is no whole number from 1 to ${MAX_CONCURRENCY}.`;
  if (batch !== undefined && groupCommit !== undefined)
    return `batch (${batch}) and groupCommit (${groupCommit}) exclude each other: a method that takes arrays shares a transaction anyway. Leave out groupCommit.`;
  if (batch !== undefined && !isWhole(batch, Math.min(MAX_BATCH, concurrency ?? MAX_BATCH)))
    return concurrency === undefined
      ? `batch ${batch} is no whole number from 1 to ${MAX_BATCH}.`
      : `batch ${batch} is no whole number from 1 to its concurrency (${concurrency}), at most ${MAX_BATCH}.`;
  const inHand = concurrencyOf(options);
  if (groupCommit !== undefined && groupCommit !== 'auto' && !isWhole(groupCommit, inHand))
    return `groupCommit ${groupCommit} is no whole number from 1 to its concurrency (${inHand}), nor 'auto'.`;
  if (timeout !== undefined && !toMs(timeout)) return `${noDuration('timeout', timeout, '30s')}.`;
  return undefined;
}

function isWhole(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most;
}

/**
 * Whether the method takes what the options say, as far as the compiler wrote it down (`emitDecoratorMetadata`): it cannot
 * tell a contract without fields from an array itself.
 * @param first class of the first parameter; undefined if nobody knows
 */
export function parameterProblem({ batch }: HandlerOptions, first: unknown): string | undefined {
  if (first === undefined || first === Object) return undefined;
  if (batch === undefined && first === Array)
    return 'it takes an array, and would be given one message. Take one, or add the option `batch`: how many it takes at most.';
  if (batch !== undefined && first !== Array)
    return `it takes one message, and with \`batch: ${batch}\` would be given an array. Take an array, or leave out \`batch\`.`;
  return undefined;
}
