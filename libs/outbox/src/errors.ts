/**
 * Every error the library throws, one class per *decision a caller can make*. The message is a small runbook: what
 * happened, with which value, and what to do. `code` is stable; match on it or on the class, never on the text.
 */
export abstract class OutboxError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** `forRoot` was given options that cannot work. Lists *all* problems, not only the first. */
export class InvalidOptionsError extends OutboxError {
  readonly code = 'INVALID_OPTIONS';
  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? `Invalid outbox options: ${problems[0]}`
        : `Invalid outbox options, ${problems.length} problems:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
  }
}

/** A filter for deliveries cannot be meant as it was written. Lists *all* problems, not only the first. */
export class InvalidFilterError extends OutboxError {
  readonly code = 'INVALID_FILTER';
  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]!
        : `${problems.length} problems:\n${problems.map((each) => `- ${each}`).join('\n')}`,
    );
  }
}

/** Finding what a filter means would keep the database busy for too long. Narrow it down, by what the message says. */
export class FilterTooBroadError extends OutboxError {
  readonly code = 'FILTER_TOO_BROAD';
}

/** A contract, handler or follow-up is declared in a way that cannot work. Thrown at boot, with all problems. */
export class InvalidHandlerError extends OutboxError {
  readonly code = 'INVALID_HANDLER';
  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]!
        : `${problems.length} problems with message handlers:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
  }
}

/** A message was recorded while Nest was still creating providers, so nobody knows yet which follow-ups it will need (R13). */
export class HandlersUnknownError extends OutboxError {
  readonly code = 'HANDLERS_UNKNOWN';
}

/** `add` (or anything else that must be atomic with business data) was called without a transaction (R10). */
export class TransactionRequiredError extends OutboxError {
  readonly code = 'TRANSACTION_REQUIRED';
}

/** The transaction of this call has already ended: nearly always a missing `await`. */
export class TransactionEndedError extends OutboxError {
  readonly code = 'TRANSACTION_ENDED';
}

/** COMMIT was answered with ROLLBACK: a SQL error inside the transaction was caught and ignored; nothing was saved. */
export class SilentRollbackError extends OutboxError {
  readonly code = 'SILENT_ROLLBACK';
}

/** A write went through another connection than the open transaction and would survive its rollback. */
export class WriteOutsideTransactionError extends OutboxError {
  readonly code = 'WRITE_OUTSIDE_TRANSACTION';
}

/** The class has no `@OutboxMessage`, or the type is not known here. */
export class UnknownMessageError extends OutboxError {
  readonly code = 'UNKNOWN_MESSAGE';
}

/** The payload does not satisfy its contract, is too large or cannot be written as JSON. Nothing was recorded. */
export class InvalidMessageError extends OutboxError {
  readonly code = 'INVALID_MESSAGE';
  constructor(
    message: string,
    /** One entry per violated constraint: `quantity must not be less than 1`. Never the values. */
    readonly violations: readonly string[],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `add` with an id that exists. The business transaction must roll back: the work was done before. */
export class MessageAlreadyRecordedError extends OutboxError {
  readonly code = 'MESSAGE_ALREADY_RECORDED';
}

/** No delivery of this message (to this consumer) exists, or it was pruned. */
export class UnknownDeliveryError extends OutboxError {
  readonly code = 'UNKNOWN_DELIVERY';
}

/** The delivery is in a state in which this operation would break the promise. */
export class OperationRefusedError extends OutboxError {
  readonly code = 'OPERATION_REFUSED';
}

/** `waitForVerdict` reached its time-out. The delivery goes on; ask again or look at `status`. */
export class VerdictTimeoutError extends OutboxError {
  readonly code = 'VERDICT_TIMEOUT';
}

/** `waitForVerdict` met a parked delivery without a verdict: it waits for a person, so no verdict comes by itself. */
export class DeliveryParkedError extends OutboxError {
  readonly code = 'DELIVERY_PARKED';
}

/** The tables are missing, older or newer than this version of the library understands. */
export class SchemaMismatchError extends OutboxError {
  readonly code = 'SCHEMA_MISMATCH';
}

/** A queue or exchange exists with other arguments. Nothing was changed at the broker. */
export class TopologyMismatchError extends OutboxError {
  readonly code = 'TOPOLOGY_MISMATCH';
}

/** An optional peer dependency is not installed. */
export class MissingDependencyError extends OutboxError {
  readonly code = 'MISSING_DEPENDENCY';
}

/**
 * Thrown by a `@MessageHandler` to say no *for good*. The handler's work is rolled back, the rejection is stored as the
 * verdict and the producer compensates. Any other error means "not yet": it leaves no trace and is tried again.
 */
export class MessageRejected extends OutboxError {
  readonly code = 'MESSAGE_REJECTED';
  constructor(
    /** Stable and machine-readable, e.g. `OUT_OF_STOCK`; not empty. Travels to the producer, who else reads `UNSPECIFIED`. */
    readonly reason: string,
    /** JSON for the producer's compensation. Optional; at most 8 KiB, else the producer reads `{ omitted: … }`. */
    readonly details?: unknown,
    /** A sentence for people. Optional. */
    readonly explanation?: string,
  ) {
    // Whatever a caller without types hands over: the rejection must get home.
    super(explanation ?? (typeof reason === 'string' ? `Rejected: ${reason}` : 'Rejected'));
  }
}

/** Every class above. */
export const ERRORS = [
  OutboxError,
  InvalidOptionsError,
  InvalidHandlerError,
  FilterTooBroadError,
  HandlersUnknownError,
  InvalidFilterError,
  TransactionRequiredError,
  TransactionEndedError,
  SilentRollbackError,
  WriteOutsideTransactionError,
  UnknownMessageError,
  InvalidMessageError,
  MessageAlreadyRecordedError,
  UnknownDeliveryError,
  OperationRefusedError,
  VerdictTimeoutError,
  DeliveryParkedError,
  SchemaMismatchError,
  TopologyMismatchError,
  MissingDependencyError,
  MessageRejected,
] as const;

/**
 * A second copy of the library in the process (a package of contracts that brings its own) throws other classes of the
 * same names. They are told by a mark that all copies share, so `instanceof` means the same in each of them.
 */
for (const type of ERRORS) {
  const mark = Symbol.for(`tallystick.${type.name}`);
  Object.defineProperty(type.prototype, mark, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // A user's own subclass inherits this function, and is told in the ordinary way.
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === 'object' && value !== null && mark in value;
    },
  });
}
