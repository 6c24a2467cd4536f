import type { PassiveOutbox, TableOptions } from '@tallystick/outbox';
import { InvalidArgumentError, Option } from 'commander';
import ms from 'ms';
import type { Terminal } from './terminal';

/** Exit codes. */
export const DONE = 0;
/** Nothing was found, something was refused, or it did not work. */
export const FAILED = 1;
/** The command was not understood. */
export const MISUSED = 2;

/** What every command takes. */
export interface CommonFlags {
  readonly databaseUrl?: string;
  readonly service?: string;
  readonly schema?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

/** What a command in a file of its own needs of the program. */
export interface Shell {
  readonly terminal: Terminal;
  /** Runs a command; what it throws is said in a line. @param failure the exit code then */
  attempt(work: () => Promise<number>, failure?: number): Promise<void>;
  /** The action of a command that works with the operations of one service. */
  within<Flags extends CommonFlags>(
    work: (outbox: PassiveOutbox, flags: Flags, terms: string[]) => Promise<number>,
  ): (...given: unknown[]) => Promise<void>;
  tablesOf(flags: CommonFlags): TableOptions;
  /** Opens the outbox that the flags name, for this. */
  withOutbox<T>(flags: CommonFlags, work: (outbox: PassiveOutbox) => Promise<T>): Promise<T>;
  /** @throws Error that says how to give it */
  databaseUrl(flags: CommonFlags): string;
}

/** An option that takes a length of time, and yields it in milliseconds. */
export function duration(flags: string, says: string, otherwise?: string): Option {
  const option = new Option(flags, says).argParser(durationMs);
  return otherwise === undefined ? option : option.default(durationMs(otherwise), otherwise);
}

/** @throws InvalidArgumentError */
function durationMs(text: string): number {
  const value = /^\d+(\.\d+)?(ms|[smhdw])$/.test(text) ? ms(text as ms.StringValue) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('Write a length of time, e.g. 30s, 10m, 6h or 2d.');
}

/** Of an option. @throws InvalidArgumentError */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Write a whole number from 1 on.');
  return value;
}
