import { IsInt, IsUUID, Min, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { InvalidMessageError, UnknownMessageError } from '../errors';
import { contractOf, OutboxMessage } from './contract';
import { toMs } from './duration';
import { payloadHash, readPayload, writePayload } from './payload';

class Line {
  @IsInt() @Min(1) quantity!: number;
}
@OutboxMessage({ type: 'order.requested', to: ['order-service', 'stock-service'], key: 'userId', deadline: '15m' })
class OrderRequested {
  @IsUUID() purchaseId!: string;
  @IsUUID() userId!: string;
  @ValidateNested() @Type(() => Line) line!: Line;
}
@OutboxMessage({ type: 'user.registered', listeners: 'optional' })
class UserRegistered {}

const uuid = '018f0000-0000-7000-8000-000000000001';
const order = { purchaseId: uuid, userId: uuid, line: { quantity: 2 } };

describe('@OutboxMessage', () => {
  it('reads the contract of a class', () => {
    expect(contractOf(OrderRequested)).toMatchObject({
      type: 'order.requested',
      receivers: ['order-service', 'stock-service'],
      deadlineMs: 900_000,
      followUp: undefined,
    });
    expect(contractOf(OrderRequested).keyOf(order as OrderRequested)).toBe(uuid);
    expect(contractOf(UserRegistered)).toMatchObject({ receivers: [], listeners: 'optional', followUp: 'none' });
  });

  it('is not inherited: a subclass is another message', () => {
    class Special extends OrderRequested {}
    expect(() => contractOf(Special)).toThrow(UnknownMessageError);
  });

  it('tells what to do about an undefined or undecorated class', () => {
    expect(() => contractOf(undefined as never)).toThrow('circular import');
    expect(() => contractOf(class Plain {})).toThrow(
      'Plain is no message contract: decorate the class with @OutboxMessage',
    );
  });

  it.each([
    [{ type: 'has space' }, 'must match'],
    [{ type: 'receipts' }, 'is reserved'],
    [{ type: 'outbox.receipt' }, 'is reserved'],
    [{ type: 'a', to: 'Order.Service' }, 'no dots'],
    [{ type: 'a', to: ['b', 'b'] }, 'named twice'],
    [{ type: 'a', to: 'b', deadline: 'soon' }, 'no duration'],
    [{ type: 'a', deadline: '15m' }, 'nobody answers'],
    [{ type: 'a', followUp: 'both' as const }, 'no follow-up'],
    [{ type: 'a', to: 'b', listeners: 'optional' as const }, 'names its receivers'],
  ])('refuses %j', (options, problem) => {
    expect(() => OutboxMessage(options)(class Broken {})).toThrow(problem);
  });
});

describe('a payload', () => {
  const contract = contractOf(OrderRequested);

  it('is written as it will be sent, and read back as an instance', async () => {
    const text = await writePayload(contract as never, order, 1000);
    expect(text).toBe(JSON.stringify(order));
    expect(await readPayload(OrderRequested, text)).toBeInstanceOf(OrderRequested);
  });

  it('that breaks its contract names every field, nested ones too, and no value', async () => {
    const broken = { purchaseId: 'secret-value', userId: uuid, line: { quantity: 0 } };
    const error = (await writePayload(contract as never, broken, 1000).catch(
      (refused: unknown) => refused,
    )) as InvalidMessageError;
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(error.violations).toEqual(['purchaseId must be a UUID', 'line.quantity must not be less than 1']);
    expect(error.message).not.toContain('secret-value');
  });

  it('may hold fields a newer producer added', async () => {
    await expect(readPayload(OrderRequested, JSON.stringify({ ...order, added: true }))).resolves.toMatchObject({
      added: true,
    });
  });

  it('is refused at add when the broker would not take it', async () => {
    const bytes = JSON.stringify(order).length;
    await expect(writePayload(contract as never, order, 1000, bytes)).resolves.toBeDefined();
    await expect(writePayload(contract as never, order, 1000, bytes - 1)).rejects.toThrow(
      `is larger than the broker takes (${bytes - 1})`,
    );
  });

  it.each([['circular'], ['array'], ['too large'], ['BigInt']])('is refused when it is %s', async (what) => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const data = { circular, array: [order], 'too large': { ...order, note: 'x'.repeat(2000) }, BigInt: { n: 1n } }[
      what
    ] as object;
    await expect(writePayload(contract as never, data, 1000)).rejects.toThrow(InvalidMessageError);
  });

  it.each(['null', '[]', '"text"', 'oops', '{"__proto__":{}}'])('%s is no payload', async (text) => {
    await expect(readPayload(OrderRequested, text)).rejects.toThrow(InvalidMessageError);
  });

  it('of a contract without constraints is any object', async () => {
    await expect(writePayload(contractOf(UserRegistered) as never, {}, 1000)).resolves.toBe('{}');
  });

  it('is the same message only with the same type and the same bytes', () => {
    expect(payloadHash('a', '{}')).toEqual(payloadHash('a', '{}'));
    expect(payloadHash('a', '{}')).not.toEqual(payloadHash('a', '{ }'));
    expect(payloadHash('ab', 'c')).not.toEqual(payloadHash('a', 'bc'));
  });
});

describe('toMs', () => {
  it('reads numbers and units, and nothing else', () => {
    expect(['30s', '15m', '2h', '14d', 250].map(toMs)).toEqual([30_000, 900_000, 7_200_000, 1_209_600_000, 250]);
    expect(['-1s', 'soon', NaN, Infinity, -5].map(toMs)).toEqual(Array(5).fill(undefined));
  });
});
