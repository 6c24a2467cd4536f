import { IsDate, IsInt, IsUUID, Min, ValidateNested } from 'class-validator';
import { Exclude, Type } from 'class-transformer';
import { InvalidMessageError, UnknownMessageError } from '../errors';
import { contractOf, OutboxMessage } from './contract';
import { toMs } from './duration';
import { payloadHash, readPayload, restorePayload, writePayload } from './payload';

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
class Item {
  n!: number;
  @Exclude() token?: string;
}
@OutboxMessage({ type: 'card.charged' })
class CardCharged {
  id!: string;
  @Exclude({ toPlainOnly: true }) card?: string;
  @Type(() => Item) items!: Item[];
}
@OutboxMessage({ type: 'dated' })
class Dated {
  @IsDate() at!: Date;
}

const uuid = '018f0000-0000-7000-8000-000000000001';
const order = { purchaseId: uuid, userId: uuid, line: { quantity: 2 } };

describe('@OutboxMessage', () => {
  it('reads the contract of a class', () => {
    expect(contractOf(OrderRequested)).toMatchObject({
      type: 'order.requested',
      consumers: ['order-service', 'stock-service'],
      deadlineMs: 900_000,
      ordered: false,
      followUp: undefined,
    });
    expect(contractOf(OrderRequested).keyOf(order as OrderRequested)).toBe(uuid);
    expect(contractOf(UserRegistered)).toMatchObject({ consumers: [], listeners: 'optional', followUp: 'none' });
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
    [{ type: 'a', key: 'id', ordered: true }, 'no order'],
    [{ type: 'a', to: 'b', ordered: true }, "needs a 'key'"],
    [{ type: 'a', to: 'b', listeners: 'optional' as const }, 'names its consumers'],
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

  it.each([
    ['NaN', { n: NaN }, "'n' is NaN"],
    ['Infinity', { a: { n: Infinity } }, "'n' is Infinity"],
    ['a Map', { tags: new Map([['a', 1]]) }, "'tags' is a Map"],
    ['a Set', { tags: new Set([1]) }, "'tags' is a Set"],
    ['a function', { f: () => 1 }, "'f' is a function"],
    ['a symbol', { s: Symbol('x') }, "'s' is a symbol"],
    ['a hole in an array', { list: [1, undefined] }, "'1' is undefined in an array"],
    ['an invalid Date', { at: new Date('never') }, "'at' is an invalid Date"],
    ['a forbidden key', { meta: JSON.parse('{"__proto__":{"a":1}}') as object }, 'forbidden key'],
    ['65 levels', JSON.parse('{"a":'.repeat(65) + '1' + '}'.repeat(65)) as object, 'nested deeper'],
    ['a field called constructor', { meta: JSON.parse('{"constructor":"ACME Ltd"}') as object }, 'a field has a name'],
  ])('is refused when it holds %s, which would not arrive as it is', async (_, data, problem) => {
    const refused = writePayload(contractOf(UserRegistered) as never, data, 1000);
    await expect(refused).rejects.toThrow(InvalidMessageError);
    await expect(refused).rejects.toThrow(problem);
  });

  it('leaves out what class-transformer is told to leave out, of an instance and of a literal', async () => {
    const card = contractOf(CardCharged) as never;
    const data = { id: 'x', card: '4111', items: [{ n: 1, token: 'secret' }] };
    const text = '{"id":"x","items":[{"n":1}]}';
    await expect(writePayload(card, data, 1000)).resolves.toBe(text);
    await expect(writePayload(card, Object.assign(new CardCharged(), data), 1000)).resolves.toBe(text);
  });

  it('says what a date needs to arrive as one', async () => {
    const refused = writePayload(contractOf(Dated) as never, { at: new Date(0) }, 1000);
    await expect(refused).rejects.toThrow('@Type(() => Date)');
  });

  it('of a recorded message is restored for its follow-up, whatever the contract has become meanwhile', () => {
    expect(restorePayload(OrderRequested, '{"quantity":0}')).toBeInstanceOf(OrderRequested);
    expect(restorePayload(OrderRequested, '{"meta":{"constructor":"ACME"}}')).toEqual({
      meta: { constructor: 'ACME' },
    });
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
