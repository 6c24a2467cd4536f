import { MessageHandler, OutboxMessage, Transactional, TransactionalMessage } from '../index';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}

/** As somebody without types writes it, or with options that were spread. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const misspelt = (name: string, value: unknown): any => ({ [name]: value });

describe('an option that does not exist', () => {
  const decorate = (decorator: unknown): void => {
    (decorator as MethodDecorator)(class {}.prototype, 'work', { value: async () => undefined });
  };

  it.each<[string, string, () => void]>([
    ['@OutboxMessage', 'deadline', () => OutboxMessage({ type: 'a.b', ...misspelt('deadlin', '1h') })(class A {})],
    ['@MessageHandler', 'concurrency', () => decorate(MessageHandler(OrderRequested, misspelt('concurency', 4)))],
    ['@Transactional', 'isolation', () => decorate(Transactional(misspelt('isolaton', 'SERIALIZABLE')))],
    [
      '@TransactionalMessage',
      'from',
      () =>
        decorate(
          TransactionalMessage(
            OrderRequested,
            misspelt('form', () => null),
          ),
        ),
    ],
  ])('is refused by %s, which says what was probably meant', (_, meant, use) => {
    expect(use).toThrow(new RegExp(`unknown option '\\w+'\\. Did you mean '${meant}'\\?`));
  });
});
