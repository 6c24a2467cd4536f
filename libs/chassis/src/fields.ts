import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsString, IsUUID, Length, Matches, Max, Min } from 'class-validator';

/**
 * The kinds of field that appear in requests and answers. Each says once what is accepted and how OpenAPI describes it.
 */

/** Whole cents. JavaScript's safe integers, so that no amount is ever rounded. */
export function Cents({ min = 0 } = {}): PropertyDecorator {
  return integer(min, Number.MAX_SAFE_INTEGER, 1250, 'Whole cents: 1250 is 12.50');
}

/** A number of pieces; fits PostgreSQL's `integer`. */
export function Quantity({ min = 0 } = {}): PropertyDecorator {
  return integer(min, 2_147_483_647, 2, 'Whole pieces');
}

/** Any UUID that PostgreSQL accepts, whatever its version. */
export function Uuid(): PropertyDecorator {
  return applyDecorators(ApiProperty({ type: String, format: 'uuid' }), IsUUID('loose'));
}

/** The name of a product. */
export function Sku(): PropertyDecorator {
  return Text({ max: 64, example: 'tally-stick' });
}

/** One line of text. Control characters and halves of characters cannot be stored or shown faithfully. */
export function Text({ max, example }: { max: number; example?: string }): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: String, minLength: 1, maxLength: max, example }),
    IsString(),
    Length(1, max),
    Matches(/^(?=.*\S)[^\p{Cc}\p{Cs}]+$/u, { message: '$property must be one line of text, and not blank' }),
  );
}

function integer(minimum: number, maximum: number, example: number, description: string): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: 'integer', minimum, maximum, example, description }),
    IsInt(),
    Min(minimum),
    Max(maximum),
  );
}
