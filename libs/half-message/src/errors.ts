import { OutboxError } from '@tallystick/outbox';

/** The options, or the checkers, cannot work. Lists all problems. */
export class InvalidHalfMessageOptionsError extends OutboxError {
  readonly code = 'INVALID_HALF_MESSAGE_OPTIONS';
  constructor(readonly problems: readonly string[]) {
    super(`Invalid options of half messages: ${problems.join('; ')}.`);
  }
}

/** The broker did not take the half message, or is not there: the work was not begun, nothing has happened. Try again later. */
export class HalfMessageNotStoredError extends OutboxError {
  readonly code = 'HALF_MESSAGE_NOT_STORED';
}

/** `run` was called inside a transaction of this service: nothing has happened. */
export class HalfMessageInTransactionError extends OutboxError {
  readonly code = 'HALF_MESSAGE_IN_TRANSACTION';
}

/** A check came first, found no effect and ruled it out: the work must not be done any more. Let its transaction roll back. */
export class HalfMessageRuledOutError extends OutboxError {
  readonly code = 'HALF_MESSAGE_RULED_OUT';
}
