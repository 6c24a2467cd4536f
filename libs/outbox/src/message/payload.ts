import { createHash } from 'node:crypto';
import { type ClassConstructor, instanceToPlain, plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';
import { InvalidMessageError } from '../errors';
import { surelyValid } from './checks';
import type { ContractClass, MessageContract } from './contract';
import { readJson } from './json';

/**
 * Checks a message against its contract and writes it as the JSON text that is stored and sent, byte for byte.
 *
 * Written is what `JSON.stringify` makes of it, in the form that class-transformer's decorators on the contract ask for:
 * a field with `@Exclude()` is left out. Refused is what would not arrive as it is: what JSON leaves out or changes without
 * a word (NaN, a Map, a function), and what a consumer refuses to read.
 * @param data an instance of the contract or a plain literal
 * @throws InvalidMessageError if it breaks the contract, is no JSON object or is larger than `maxBytes`
 * @param carried what the transport can carry, in bytes
 */
export async function writePayload(
  contract: MessageContract,
  data: object,
  maxBytes: number,
  carried = Infinity,
): Promise<string> {
  const text = withoutExcluded(contract, plainText(contract, data));
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new InvalidMessageError(
      `A '${contract.type}' message of ${bytes} bytes is larger than maxPayloadBytes (${maxBytes}). Store the content elsewhere and send its id.`,
      [],
    );
  }
  if (bytes > carried) {
    throw new InvalidMessageError(
      `A '${contract.type}' message of ${bytes} bytes is larger than the broker takes (${carried}). Store the content elsewhere and send its id.`,
      [],
    );
  }
  // What the consumer will see is the text, so the text is what is checked: a Date becomes a string, undefined vanishes.
  const { violations } = await readable(contract, () => check(contract.contract, JSON.parse(text) as object));
  if (violations.length > 0) {
    throw new InvalidMessageError(
      `A '${contract.type}' message breaks its contract ${contract.contract.name}: ${violations.join('; ')}.`,
      violations,
    );
  }
  return text;
}

function plainText(contract: MessageContract, data: object): string {
  const lost: string[] = [];
  let text: string | undefined;
  try {
    text = JSON.stringify(data, function (this: unknown, name, value: unknown) {
      const problem = lostInJson((this as Record<string, unknown>)[name], value, Array.isArray(this));
      if (problem !== undefined) lost.push(`${name === '' ? 'the message' : `'${name}'`} ${problem}`);
      return value;
    });
  } catch (error) {
    throw new InvalidMessageError(
      `A '${contract.type}' message cannot be written as JSON: is it circular, or does it hold a BigInt?`,
      [],
      { cause: error },
    );
  }
  if (lost.length > 0)
    throw new InvalidMessageError(`A '${contract.type}' message cannot travel as it is: ${lost.join('; ')}.`, lost);
  if (!text?.startsWith('{')) throw new InvalidMessageError(`A '${contract.type}' message must be a JSON object.`, []);
  return text;
}

/** What JSON would write as something else, or not at all, without a word. @param given before its `toJSON` was asked */
function lostInJson(given: unknown, value: unknown, inArray: boolean): string | undefined {
  if (given instanceof Date && Number.isNaN(given.getTime())) return 'is an invalid Date, which JSON writes as null';
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which JSON writes as null`;
    case 'function':
    case 'symbol':
      return `is a ${typeof value}, which JSON leaves out`;
    case 'undefined':
      return inArray ? 'is undefined in an array, which JSON writes as null' : undefined;
    case 'object':
      for (const kind of [Map, Set, WeakMap, WeakSet, Promise])
        if (value instanceof kind) return `is a ${kind.name}, which JSON writes as {}`;
      return undefined;
    default:
      return undefined;
  }
}

/** class-transformer knows what does not belong into JSON. @throws InvalidMessageError if it cannot work with this object */
function withoutExcluded(contract: MessageContract, text: string): string {
  try {
    // An instance with the fields of the text, whatever the constructor and the setters of the class would make of them.
    const instance: unknown = Object.setPrototypeOf(readJson(text), contract.contract.prototype as object);
    return JSON.stringify(instanceToPlain(instance));
  } catch (error) {
    throw unreadable(contract, error);
  }
}

async function readable<T>(contract: MessageContract, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw unreadable(contract, error);
  }
}

/** The consumer reads by the same means, and would fail as well: again and again. */
function unreadable(contract: MessageContract, error: unknown): InvalidMessageError {
  const why =
    error instanceof SyntaxError ? error.message : 'a field has a name that means something else to JavaScript';
  return new InvalidMessageError(
    `A '${contract.type}' message could not be read by its consumer: ${why}. Send free-form data as text.`,
    [why],
    { cause: error },
  );
}

/**
 * Reads a payload that travelled. Fields the contract does not know are left alone: a newer producer may have added them.
 * @throws InvalidMessageError with field names and constraints, never with values
 */
export async function readPayload(contract: ContractClass, text: string): Promise<object> {
  let value: unknown;
  try {
    value = readJson(text);
  } catch (error) {
    throw new InvalidMessageError(`The payload ${(error as Error).message}.`, [], { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidMessageError('The payload is no JSON object.', []);
  const { instance, violations } = await check(contract, value);
  if (violations.length > 0)
    throw new InvalidMessageError(`The payload breaks ${contract.name}: ${violations.join('; ')}.`, violations);
  return instance;
}

/**
 * A payload of our own row, for a follow-up. Not checked again: it was when it was recorded, by the contract of that day, and
 * today's must not stand between a customer and the refund. If the class cannot be filled with it, it is handed over as it is.
 */
export function restorePayload(contract: ContractClass, text: string): object {
  const value = JSON.parse(text) as object;
  try {
    return plainToInstance(contract as ClassConstructor<object>, value);
  } catch {
    return value;
  }
}

/** What makes two messages with one id the same message: type and body bytes. */
export function contentHash(type: string, payload: string): string {
  return payloadHash(type, payload).toString('hex');
}

/** The same as bytes. */
export function payloadHash(type: string, payload: string): Buffer {
  return createHash('sha256').update(type).update('\0').update(payload).digest();
}

async function check(contract: ContractClass, value: object): Promise<{ instance: object; violations: string[] }> {
  const instance = plainToInstance(contract as ClassConstructor<object>, value);
  if (surelyValid(instance) || !hasConstraints(contract)) return { instance, violations: [] };
  const errors = await validate(instance, { validationError: { target: false, value: false } });
  return { instance, violations: errors.flatMap((error) => describe(error)) };
}

function describe(error: ValidationError, path = ''): string[] {
  const here = Object.entries(error.constraints ?? {}).map(([name, constraint]) => `${path}${constraint}${hint(name)}`);
  return [...here, ...(error.children ?? []).flatMap((child) => describe(child, `${path}${error.property}.`))];
}

/** In JSON a date is text, and only `@Type` makes it a Date again. */
function hint(constraint: string): string {
  return constraint === 'isDate' ? ' (beside @IsDate() write @Type(() => Date): it travels as text)' : '';
}

/** class-validator calls an object of a class without constraints invalid; for a contract it is simply an empty one. */
function hasConstraints(contract: ContractClass): boolean {
  return getMetadataStorage().getTargetValidationMetadatas(contract, '', false, false).length > 0;
}
