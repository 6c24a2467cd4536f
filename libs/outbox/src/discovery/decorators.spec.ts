import 'reflect-metadata';
import { InvalidHandlerError } from '../errors';
import { OutboxMessage } from '../message/contract';
import { Compensate, declaredOn, describeRole, MessageHandler, OnAccepted } from './decorators';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}
@OutboxMessage({ type: 'order.amended', to: 'order-service' })
class OrderAmended {}

describe('what is declared on a method', () => {
  class Orders {
    @MessageHandler(OrderRequested, { concurrency: 4, timeout: '5s' })
    async create(_: OrderRequested): Promise<void> {}

    @OnAccepted(OrderRequested)
    @Compensate(OrderRequested)
    @Compensate(OrderAmended)
    async answered(_: object): Promise<void> {}

    async plain(): Promise<void> {}
  }
  const { create, answered, plain } = Orders.prototype;

  it('is a handler, with its options and the class of what it takes', () => {
    const options = { concurrency: 4, timeout: '5s' };
    expect(declaredOn(create)).toEqual([
      ...[{ role: 'handler', contract: OrderRequested, options, parameter: OrderRequested }],
    ]);
  });

  it('may be several things, and is nothing on a method that nobody decorated', () => {
    expect(declaredOn(answered).map(({ role, contract }) => [role, contract])).toEqual([
      ['rejected', OrderAmended],
      ['rejected', OrderRequested],
      ['accepted', OrderRequested],
    ]);
    expect(declaredOn(plain)).toEqual([]);
  });

  it('is told to people as it was written', () => {
    expect([...declaredOn(create), ...declaredOn(answered)].map(describeRole)).toEqual([
      '@MessageHandler(OrderRequested)',
      '@Compensate(OrderAmended)',
      '@Compensate(OrderRequested)',
      '@OnAccepted(OrderRequested)',
    ]);
  });

  const declaring = (decorate: unknown): (() => void) => {
    const decorator = decorate as MethodDecorator;
    return () => decorator(Orders.prototype, 'plain', { value: plain });
  };

  it('is refused without its contract, with the reason why that is missing', () => {
    const missing = undefined as never;
    expect(declaring(MessageHandler(missing))).toThrow(
      new InvalidHandlerError([
        'Orders.plain: the contract of @MessageHandler is undefined here. Circular import? Import the class from the file that declares it.',
      ]),
    );
    expect(declaring(Compensate(missing))).toThrow('the contract of @Compensate is undefined');
  });

  it('is refused with an option that it does not know', () => {
    expect(declaring(MessageHandler(OrderRequested, { concurency: 4 } as object))).toThrow(
      /Orders\.plain: .*'concurency'/,
    );
    expect(declaredOn(plain)).toEqual([]);
  });
});
