import { getMetadataStorage, type MetadataStorage, ValidationTypes } from 'class-validator';
import type { ContractClass } from '../message/contract';

type Metadata = ReturnType<MetadataStorage['getTargetValidationMetadatas']>[number];
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema of a contract, as far as its decorators of class-validator tell. A validator that is not in the list says
 * nothing here, and is asked all the same when a message comes: the schema may allow more, never less.
 */
export function payloadSchema(contract: ContractClass): JsonSchema {
  const storage = getMetadataStorage();
  const all = storage.getTargetValidationMetadatas(contract, '', false, false);
  const fields = Object.entries(storage.groupByPropertyName(all));
  const required = fields.filter(([, metadata]) => !metadata.some(isConditional)).map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([name, metadata]) => [name, fieldSchema(metadata)])),
    ...(required.length > 0 && { required }),
  };
}

function isConditional({ type }: Metadata): boolean {
  return type === ValidationTypes.CONDITIONAL_VALIDATION;
}

function fieldSchema(metadata: readonly Metadata[]): JsonSchema {
  const of = (each: boolean): JsonSchema =>
    Object.assign({}, ...metadata.filter((one) => (one.each ?? false) === each).map(schemaOf)) as JsonSchema;
  const [whole, items] = [of(false), of(true)];
  return Object.keys(items).length === 0 ? whole : { type: 'array', ...whole, items };
}

function schemaOf({ name, constraints = [] }: Metadata): JsonSchema {
  const known = name === undefined ? undefined : SCHEMAS[name];
  return known ? known(...(constraints as never[])) : {};
}

const SCHEMAS: Readonly<Record<string, (...constraints: never[]) => JsonSchema>> = {
  isString: () => ({ type: 'string' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isBoolean: () => ({ type: 'boolean' }),
  isArray: () => ({ type: 'array' }),
  isObject: () => ({ type: 'object' }),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isEmail: () => ({ type: 'string', format: 'email' }),
  isUrl: () => ({ type: 'string', format: 'uri' }),
  isIso8601: () => ({ type: 'string' }),
  isDateString: () => ({ type: 'string' }),
  isNotEmpty: () => ({}),
  isLength: (min: number, max?: number) => ({
    type: 'string',
    minLength: min,
    ...(max !== undefined && { maxLength: max }),
  }),
  minLength: (min: number) => ({ type: 'string', minLength: min }),
  maxLength: (max: number) => ({ type: 'string', maxLength: max }),
  matches: (pattern: RegExp) => ({ type: 'string', ...(pattern.flags === '' && { pattern: pattern.source }) }),
  min: (minimum: number) => ({ type: 'number', minimum }),
  max: (maximum: number) => ({ type: 'number', maximum }),
  isPositive: () => ({ type: 'number', exclusiveMinimum: 0 }),
  isIn: (values: readonly unknown[]) => ({ enum: [...values] }),
  isEnum: (_: object, values: readonly unknown[]) => ({ enum: [...values] }),
  arrayMinSize: (minItems: number) => ({ type: 'array', minItems }),
  arrayMaxSize: (maxItems: number) => ({ type: 'array', maxItems }),
};
