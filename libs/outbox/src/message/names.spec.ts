import { messageTypeProblem, serviceNameProblem } from './names';

describe('the name of a service', () => {
  it.each(['a', '7', 'order-service', 'a--b-', 'a'.repeat(63)])('may be %s', (name) => {
    expect(serviceNameProblem(name)).toBeUndefined();
  });

  it.each([
    ['empty', ''],
    ['longer than a part of a queue name may be', 'a'.repeat(64)],
    ['in capitals', 'Orders'],
    ['begun with a dash', '-orders'],
    ['followed by anything, were it only a line', 'orders\n'],
    ['everybody', '*'],
    ['missing', undefined],
    ['a list', ['orders']],
  ])('is not %s', (_, name) => {
    expect(serviceNameProblem(name)).toBe(
      `service name ${JSON.stringify(name)} must match ^[a-z0-9][a-z0-9-]{0,62}$: lower-case letters, digits and dashes, no dots, at most 63 characters`,
    );
  });

  it('holds no dot: the queue of `a` for `b.c` would be that of `a.b` for `c`', () => {
    expect(serviceNameProblem('a.b')).toContain('no dots');
    expect(messageTypeProblem('b.c')).toBeUndefined();
  });
});

describe('the type of a message', () => {
  it.each(['a', 'order.requested', 'Order_Requested-v2', '7.b', 'a'.repeat(127)])('may be %s', (type) => {
    expect(messageTypeProblem(type)).toBeUndefined();
  });

  it.each([
    ['empty', ''],
    ['longer than a routing key allows', 'a'.repeat(128)],
    ['begun with a dot', '.requested'],
    ['a pattern', 'order.*'],
    ['followed by anything, were it only a line', 'order.requested\n'],
    ['missing', undefined],
    ['a number', 7],
  ])('is not %s, and one that is stands in the message', (_, type) => {
    expect(messageTypeProblem(type)).toBe(
      `message type ${JSON.stringify(type)} must match ^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$, for example 'order.requested'`,
    );
  });

  it.each(['receipts', 'cancel', 'quarantine', 'outbox.receipt', 'outbox.anything'])(
    'is not %s: so a queue of the library is called',
    (type) => {
      expect(messageTypeProblem(type)).toContain(`message type '${type}' is reserved`);
    },
  );

  it.each(['receipts.printed', 'order.cancel', 'outbox', 'outboxes.counted'])(
    'may be %s, which only looks like one',
    (type) => {
      expect(messageTypeProblem(type)).toBeUndefined();
    },
  );
});
