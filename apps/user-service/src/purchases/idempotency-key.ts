import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** The optional header `Idempotency-Key`, checked. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
  return checkedKey(headers['idempotency-key']);
});

/** Any text of 1 to 255 characters. */
export function checkedKey(key: string | undefined): string | undefined {
  if (key === undefined || (key.length >= 1 && key.length <= 255)) return key;
  throw new BadRequestException(['Idempotency-Key must have between 1 and 255 characters']);
}
