import {
  Allow,
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsPositive,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
} from 'class-validator';
import { payloadSchema } from './payload-schema';

/** The schema of one field that is decorated like this. */
function schemaOf(...decorators: PropertyDecorator[]): unknown {
  class Contract {}
  for (const decorate of decorators) decorate(Contract.prototype, 'field');
  const { properties } = payloadSchema(Contract) as { properties: { field: unknown } };
  return properties.field;
}

describe('the schema of a payload', () => {
  it.each<[string, unknown, PropertyDecorator[]]>([
    ['a whole number within bounds', { type: 'integer', minimum: 1, maximum: 9 }, [Max(9), Min(1), IsInt()]],
    ['a number above zero', { type: 'number', exclusiveMinimum: 0 }, [IsPositive(), IsNumber()]],
    ['a text of a length', { type: 'string', minLength: 1, maxLength: 4 }, [Length(1, 4)]],
    ['a text that is only so long', { type: 'string', minLength: 2 }, [Length(2)]],
    ['a text within bounds', { type: 'string', minLength: 1, maxLength: 4 }, [MinLength(1), MaxLength(4)]],
    ['one of a few values', { enum: ['a', 1] }, [IsIn(['a', 1])]],
    ['a yes or no', { type: 'boolean' }, [IsBoolean()]],
    ['a text of a form', { type: 'string', pattern: '^a+$' }, [Matches(/^a+$/)]],
  ])('describes %s', (_, schema, decorators) => {
    expect(schemaOf(...decorators)).toEqual(schema);
  });

  it('leaves out a pattern with flags, which JSON Schema cannot say: it may allow more, never less', () => {
    expect(schemaOf(Matches(/^a+$/i))).toEqual({ type: 'string' });
  });

  it('says nothing of a validator that it does not know', () => {
    const own = ValidateBy({ name: 'isOwn', validator: { validate: () => true } }) as PropertyDecorator;
    expect([schemaOf(own), schemaOf(own, IsString()), schemaOf(Allow())]).toEqual([{}, { type: 'string' }, {}]);
  });

  it('tells what is said of a list from what is said of its items', () => {
    expect(schemaOf(IsArray(), ArrayMinSize(1), ArrayMaxSize(9), IsString({ each: true }))).toEqual({
      ...{ type: 'array', minItems: 1, maxItems: 9, items: { type: 'string' } },
    });
    expect(schemaOf(MaxLength(4, { each: true }))).toEqual({ type: 'array', items: { type: 'string', maxLength: 4 } });
    expect(schemaOf(IsArray())).toEqual({ type: 'array' });
  });

  it('requires every field that may not be left out', () => {
    class Contract {
      @IsInt() quantity!: number;
      @IsOptional() @IsString() note?: string;
    }
    expect(payloadSchema(Contract)).toMatchObject({ required: ['quantity'] });
    class Empty {}
    expect(payloadSchema(Empty)).toEqual({ type: 'object', properties: {} });
  });

  it('has the fields of the class that a contract extends', () => {
    class Base {
      @IsInt() quantity!: number;
    }
    class Contract extends Base {
      @IsString() sku!: string;
    }
    expect(Object.keys(payloadSchema(Contract).properties as object).sort()).toEqual(['quantity', 'sku']);
  });
});
