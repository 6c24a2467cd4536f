import { UnknownMessageError } from '../errors';
import { contractOf, OutboxMessage } from './contract';

@OutboxMessage({ type: 'order.requested', to: ['order-service', 'stock-service'], key: 'userId', deadline: '15m' })
class OrderRequested {
  userId!: string;
}
@OutboxMessage({ type: 'user.registered', listeners: 'optional' })
class UserRegistered {}

describe('@OutboxMessage', () => {
  it('reads the contract of a class', () => {
    expect(contractOf(OrderRequested)).toMatchObject({
      type: 'order.requested',
      consumers: ['order-service', 'stock-service'],
      deadlineMs: 900_000,
      ordered: false,
      followUp: undefined,
    });
    expect(contractOf(OrderRequested).keyOf({ userId: 'ada' })).toBe('ada');
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
