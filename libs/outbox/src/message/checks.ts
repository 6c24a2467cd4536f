import {
  getMetadataStorage,
  type MetadataStorage,
  type ValidationArguments,
  ValidationTypes,
  type ValidatorConstraintInterface,
} from 'class-validator';
import type { ContractClass } from './contract';

type Metadata = ReturnType<MetadataStorage['getTargetValidationMetadatas']>[number];

/** What the decorators of one field ask for. */
interface FieldChecks {
  readonly name: string;
  /** `@IsOptional()`, `@ValidateIf()`: the others count only if all of these say so. */
  readonly conditions: readonly ((object: object, value: unknown) => unknown)[];
  readonly constraints: readonly Constraint[];
  readonly nested: boolean;
}

interface Constraint {
  readonly metadata: Metadata;
  /** The validator itself: the application's container may hand out another one each time. */
  readonly validator: { readonly instance: ValidatorConstraintInterface };
}

/** Undefined: a class that only class-validator can judge. */
const compiled = new WeakMap<object, readonly FieldChecks[] | undefined>();

/**
 * True only if class-validator would find nothing wrong with this object; false says nothing, and class-validator is to be asked.
 *
 * The verdicts are those of its own validators, in its own order. What is saved is its bookkeeping, which takes most of its time:
 * per object it goes through the metadata of every class that the application has, and notes an error for every field.
 * A validator may be asked twice, here and there, if its field is wrong or it answers with a promise.
 */
export function surelyValid(object: object): boolean {
  const constructor: unknown = object.constructor;
  if (typeof constructor !== 'function') return false;
  if (!compiled.has(constructor)) compiled.set(constructor, compile(constructor as ContractClass));
  return compiled.get(constructor)?.every((field) => isValid(object, field)) ?? false;
}

/** class-validator calls an object of a class without any constraint invalid; a class whose checks may take their time is left to it. */
function compile(constructor: ContractClass): readonly FieldChecks[] | undefined {
  const storage = getMetadataStorage();
  const all = storage.getTargetValidationMetadatas(constructor, '', false, false);
  const fields = Object.entries(storage.groupByPropertyName(all)).map(([name, metadata]) =>
    fieldChecks(name, metadata),
  );
  return fields.length > 0 && fields.every((field) => field !== undefined) ? fields : undefined;
}

function fieldChecks(name: string, metadata: readonly Metadata[]): FieldChecks | undefined {
  const of = (type: string): readonly Metadata[] => metadata.filter((each) => each.type === type);
  const constraints: Constraint[] = [];
  for (const each of [...of(ValidationTypes.IS_DEFINED), ...of(ValidationTypes.CUSTOM_VALIDATION)]) {
    for (const validator of getMetadataStorage().getTargetValidatorConstraints(each.constraintCls)) {
      if (validator.async) return undefined;
      constraints.push({ metadata: each, validator });
    }
  }
  if (of(ValidationTypes.PROMISE_VALIDATION).length > 0) return undefined;
  const conditions = of(ValidationTypes.CONDITIONAL_VALIDATION).map(({ constraints }) => constraints[0] as never);
  return { name, conditions, constraints, nested: of(ValidationTypes.NESTED_VALIDATION).length > 0 };
}

function isValid(object: object, { name, conditions, constraints, nested }: FieldChecks): boolean {
  const value: unknown = object[name as never];
  if (conditions.length > 0 && !conditions.map((condition) => condition(object, value)).every(Boolean)) return true;
  return constraints.every((constraint) => passes(object, value, constraint)) && (!nested || isValidInside(value));
}

function passes(object: object, value: unknown, { metadata, validator }: Constraint): boolean {
  if (metadata.validateIf && !metadata.validateIf(object, value)) return true;
  const { propertyName: property, constraints } = metadata;
  const given: ValidationArguments = { targetName: object.constructor.name, property, object, value, constraints };
  const { instance } = validator;
  if (!metadata.each || !isCollection(value)) return isTrue(object, instance.validate(value, given));
  return Array.isArray(value) && value.every((item) => isTrue(object, instance.validate(item, given)));
}

function isTrue(object: object, verdict: unknown): boolean {
  if (verdict instanceof Promise) {
    compiled.set(object.constructor, undefined);
    verdict.catch(() => {}); // class-validator will ask again, and hear of it
  }
  return verdict === true;
}

function isValidInside(value: unknown): boolean {
  if (value === undefined) return true;
  if (Array.isArray(value)) return value.every(isValidObject);
  return isValidObject(value);
}

function isValidObject(value: unknown): boolean {
  return value instanceof Object && !isCollection(value) && surelyValid(value);
}

function isCollection(value: unknown): boolean {
  return Array.isArray(value) || value instanceof Set || value instanceof Map;
}
