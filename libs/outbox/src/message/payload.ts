import { createHash } from 'node:crypto';
import { type ClassConstructor, plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';
import { InvalidMessageError } from '../errors';
import type { ContractClass, MessageContract } from './contract';
import { readJson } from './json';

/**
 * Checks a message against its contract and writes it as the JSON text that is stored and sent, byte for byte.
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
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new InvalidMessageError(
      `A '${contract.type}' message cannot be written as JSON: is it circular, or does it hold a BigInt?`,
      [],
      { cause: error },
    );
  }
  if (!text?.startsWith('{')) throw new InvalidMessageError(`A '${contract.type}' message must be a JSON object.`, []);
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
  // What the receiver will see is the text, so the text is what is checked: a Date becomes a string, undefined vanishes.
  const { violations } = await check(contract.contract, JSON.parse(text));
  if (violations.length > 0) {
    throw new InvalidMessageError(
      `A '${contract.type}' message breaks its contract ${contract.contract.name}: ${violations.join('; ')}.`,
      violations,
    );
  }
  return text;
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
  if (!hasConstraints(contract)) return { instance, violations: [] };
  const errors = await validate(instance, { validationError: { target: false, value: false } });
  return { instance, violations: errors.flatMap((error) => describe(error)) };
}

function describe(error: ValidationError, path = ''): string[] {
  const here = Object.values(error.constraints ?? {}).map((constraint) => `${path}${constraint}`);
  return [...here, ...(error.children ?? []).flatMap((child) => describe(child, `${path}${error.property}.`))];
}

/** class-validator calls an object of a class without constraints invalid; for a contract it is simply an empty one. */
function hasConstraints(contract: ContractClass): boolean {
  return getMetadataStorage().getTargetValidationMetadatas(contract, '', false, false).length > 0;
}
