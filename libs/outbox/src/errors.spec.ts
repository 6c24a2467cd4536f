import { InvalidFilterError, InvalidHandlerError, InvalidOptionsError, MessageRejected, OutboxError } from './errors';

describe('an error of the library', () => {
  it.each([
    [InvalidOptionsError, 'Invalid outbox options: a', 'Invalid outbox options, 2 problems:\n- a\n- b'],
    [InvalidFilterError, 'a', '2 problems:\n- a\n- b'],
    [InvalidHandlerError, 'a', '2 problems with message handlers:\n- a\n- b'],
  ])('%p names its only problem in a sentence, and several all at once, in a list', (type, one, several) => {
    expect(new type(['a']).message).toBe(one);
    expect(new type(['a', 'b'])).toMatchObject({ message: several, problems: ['a', 'b'] });
  });

  it('carries the name of its class, a subclass of the application’s its own', () => {
    class OutOfStock extends MessageRejected {}
    expect([new InvalidFilterError([]).name, new OutOfStock('NO').name]).toEqual(['InvalidFilterError', 'OutOfStock']);
    expect(new OutOfStock('NO')).toBeInstanceOf(OutboxError);
  });

  it('that rejects is made of whatever a caller without types gives it: the rejection must get home', () => {
    expect(new MessageRejected('OUT_OF_STOCK')).toMatchObject({
      reason: 'OUT_OF_STOCK',
      message: 'Rejected: OUT_OF_STOCK',
    });
    expect(new MessageRejected('NO', { left: 0 }, 'Sold out.')).toMatchObject({
      details: { left: 0 },
      message: 'Sold out.',
    });
    expect(new MessageRejected(Symbol('NO') as never).message).toBe('Rejected');
  });
});
