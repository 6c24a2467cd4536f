import { IsDate, IsInt, IsUUID, Min, ValidateNested } from 'class-validator';
import { Exclude, Type } from 'class-transformer';
import { InvalidMessageError } from '../errors';
import { contractOf, OutboxMessage } from './contract';
import { payloadHash, readPayload, restorePayload, writePayload } from './payload';

class Line {
  @IsInt() @Min(1) quantity!: number;
}
@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {
  @IsUUID() purchaseId!: string;
  @IsUUID() userId!: string;
  @ValidateNested() @Type(() => Line) line!: Line;
}
@OutboxMessage({ type: 'user.registered' })
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
@OutboxMessage({ type: 'note.written' })
class NoteWritten {
  text: string | undefined;
  at = 'here';
}
@OutboxMessage({ type: 'dated' })
class Dated {
  @IsDate() at!: Date;
}

const uuid = '018f0000-0000-7000-8000-000000000001';
const order = { purchaseId: uuid, userId: uuid, line: { quantity: 2 } };

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

  it('is counted in bytes, as it travels, and may be just as large as is allowed', async () => {
    const note = contractOf(NoteWritten) as never;
    await expect(writePayload(note, { text: '\u20ac' }, 14)).resolves.toBe('{"text":"\u20ac"}');
    await expect(writePayload(note, { text: '\u20ac' }, 13)).rejects.toThrow(
      "A 'note.written' message of 14 bytes is larger than maxPayloadBytes (13)",
    );
  });

  it('is what was given, however its class would begin: nothing is filled in', async () => {
    const note = contractOf(NoteWritten) as never;
    expect(new NoteWritten().at).toBe('here');
    await expect(writePayload(note, { text: 'x' }, 1000)).resolves.toBe('{"text":"x"}');
  });

  it('is written in the words of its parts: a date as text, what is undefined not at all', async () => {
    const price = { toJSON: () => '1.50' };
    const data = { text: undefined, at: new Date(0), price };
    await expect(writePayload(contractOf(NoteWritten) as never, data, 1000)).resolves.toBe(
      '{"at":"1970-01-01T00:00:00.000Z","price":"1.50"}',
    );
  });

  it('that arrives and breaks its contract is refused in the same words, with no value either', async () => {
    const text = JSON.stringify({ ...order, purchaseId: 'secret-value' });
    await expect(readPayload(OrderRequested, text)).rejects.toMatchObject({
      message: 'The payload breaks OrderRequested: purchaseId must be a UUID.',
      violations: ['purchaseId must be a UUID'],
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
    ['nothing but a Map', new Map([['a', 1]]), 'the message is a Map'],
    ['a promise', { later: Promise.resolve(1) }, "'later' is a Promise"],
    ['more than one of these', { a: NaN, b: [new Set([1])] }, "'a' is NaN, which JSON writes as null; '0' is a Set"],
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
