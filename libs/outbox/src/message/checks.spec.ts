import { inspect } from 'node:util';
import { plainToInstance, Type } from 'class-transformer';
import {
  Allow,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsDate,
  IsDefined,
  IsEmail,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
  validate,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  type ValidationError,
} from 'class-validator';
import fc from 'fast-check';
import { surelyValid } from './checks';
import { readPayload } from './payload';

type Class = new () => object;

const shown = (value: unknown): string => inspect(value, { depth: null });

class Line {
  @Length(1, 4)
  sku!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

/** A check of the application's own, which answers as it likes. */
const own = (name: string, answer: (value: unknown) => unknown, async = false): PropertyDecorator =>
  ValidateBy({ name, async, validator: { validate: answer as (value: unknown) => boolean } }) as PropertyDecorator;
const later = (value: unknown): Promise<boolean> => Promise.resolve(value !== 1);

/** What fields are made of: decorators of one field, as an application would write them together, and some it would not. */
const CHECKS: Readonly<Record<string, readonly PropertyDecorator[]>> = {
  int: [IsInt(), Min(1), Max(3)],
  text: [IsString(), Length(1, 4)],
  uuid: [IsUUID('loose')],
  defined: [IsDefined()],
  optional: [IsOptional(), IsInt()],
  either: [IsOptional(), ValidateIf((object: { other?: unknown }) => object.other !== null), IsString()],
  word: [IsIn(['a', 1]), Matches(/a/)],
  email: [IsEmail()],
  flag: [IsBoolean({ message: '$property is $value, not of $target' })],
  list: [IsArray(), ArrayMinSize(1)],
  words: [IsString({ each: true }), IsIn(['a', 'b'], { each: true })],
  one: [Min(1, { validateIf: (_, value) => typeof value === 'number' })],
  grouped: [IsInt({ groups: ['later'] })],
  anything: [Allow()],
  date: [IsDate(), Type(() => Date)],
  line: [ValidateNested(), Type(() => Line)],
  lines: [ValidateNested({ each: true }), Type(() => Line), IsOptional()],
  untyped: [ValidateNested()],
  own: [own('isOwn', (value) => value !== null)],
};
/** These answer with something that is not exactly true, or after a while. */
const ODD: typeof CHECKS = {
  ...CHECKS,
  truthy: [own('isTruthy', (value) => value)],
  async: [own('isFree', later, true)],
  undeclared: [own('isFreeToo', later)],
  late: [own('isRefused', () => Promise.resolve(false))],
};

const scalar = fc.constantFrom<unknown>(
  0, 1, 2, 4, 1.5, '', 'a', 'b', 'abcde', '1', null, true, false, 'a@b.cd', '2026-01-01T00:00:00Z',
  '018f0000-0000-7000-8000-000000000000',
); // prettier-ignore
const line = fc.record({ sku: scalar, quantity: scalar }, { requiredKeys: [], noNullPrototype: true });
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  line,
  fc.array(fc.oneof(line, scalar), { maxLength: 3 }),
);
const NAMES = ['first', 'second', '3', 'other'];

/** A class that is made anew for every run, with fields of its own and sometimes some that it inherits, and an object of it. */
function subjects(checks: typeof CHECKS): fc.Arbitrary<{ contract: Class; plain: object }> {
  const kind = fc.constantFrom(...Object.keys(checks));
  return fc
    .tuple(
      fc.dictionary(fc.constantFrom(...NAMES), kind, { maxKeys: 4, noNullPrototype: true }),
      fc.dictionary(fc.constantFrom(...NAMES), kind, { maxKeys: 1, noNullPrototype: true }),
      fc.dictionary(fc.constantFrom(...NAMES, 'unknown'), value, { noNullPrototype: true }),
    )
    .map(([fields, inherited, plain]) => {
      class Base {}
      class Contract extends Base {}
      for (const [target, own] of [[Base, inherited], [Contract, fields]] as const)
        for (const [name, check] of Object.entries(own))
          for (const decorate of checks[check]!) decorate(target.prototype, name);
      return { contract: Contract, plain };
    }); // prettier-ignore
}

function judge(instance: object): Promise<ValidationError[]> {
  return validate(instance, { validationError: { target: false, value: false } });
}

/** What class-validator has to say, as it stands in our errors. */
function words(errors: readonly ValidationError[], path = ''): string[] {
  return errors.flatMap(({ property, constraints = {}, children = [] }) => [
    ...Object.entries(constraints).map(([name, text]) => path + text + (name === 'isDate' ? DATE_HINT : '')),
    ...words(children, `${path}${property}.`),
  ]);
}
const DATE_HINT = ' (beside @IsDate() write @Type(() => Date): it travels as text)';

describe('Checks that are compiled from the decorators', () => {
  it('find an object valid if, and only if, class-validator finds nothing wrong with it', async () => {
    const seen = { valid: 0, invalid: 0 };
    await fc.assert(
      fc.asyncProperty(subjects(CHECKS), async ({ contract, plain }) => {
        const instance = plainToInstance(contract, plain);
        const valid = (await judge(instance)).length === 0;
        expect(surelyValid(instance)).toBe(valid);
        seen[valid ? 'valid' : 'invalid']++;
      }),
      { numRuns: 600 },
    );
    expect(Math.min(seen.valid, seen.invalid)).toBeGreaterThan(20);
  });

  it('are never sure of what class-validator would refuse, whatever its validators answer, and when', async () => {
    let sure = 0;
    await fc.assert(
      fc.asyncProperty(subjects(ODD), async ({ contract, plain }) => {
        const instance = plainToInstance(contract, plain);
        // Twice: what an answer that is late teaches about the class counts for the next.
        if (surelyValid(instance) || surelyValid(instance)) {
          expect(await judge(instance)).toEqual([]);
          sure++;
        }
      }),
      { numRuns: 600 },
    );
    expect(sure).toBeGreaterThan(20);
  });

  it('leave every word about what is wrong to class-validator', async () => {
    await fc.assert(
      fc.asyncProperty(subjects(ODD), async ({ contract, plain }) => {
        const errors = await judge(plainToInstance(contract, plain));
        const unchecked = errors.some(({ constraints }) => constraints?.unknownValue !== undefined);
        const text = JSON.stringify(plain);
        const reading = readPayload(contract, text);
        if (errors.length > 0 && !unchecked)
          return expect(reading).rejects.toMatchObject({ violations: words(errors) });
        // As text: to Jest what is no date is unlike itself.
        expect(shown(await reading)).toBe(shown(plainToInstance(contract, JSON.parse(text))));
      }),
      { numRuns: 400 },
    );
  });
});
