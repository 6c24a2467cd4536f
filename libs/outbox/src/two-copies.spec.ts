import type * as Decorators from './discovery/decorators';
import type * as Errors from './errors';
import type * as Contracts from './message/contract';

type Copy = typeof Decorators & typeof Errors & typeof Contracts;

/** As when a package of contracts brings its own copy of the library. */
function copy(): Copy {
  let loaded!: Copy;
  jest.isolateModules(() => {
    loaded = {
      ...jest.requireActual('./discovery/decorators'),
      ...jest.requireActual<typeof Errors>('./errors'),
      ...jest.requireActual('./message/contract'),
    } as Copy;
  });
  return loaded;
}

describe('two copies of the library in one process', () => {
  const [one, other] = [copy(), copy()];

  it('are two', () => {
    expect(one.MessageRejected).not.toBe(other.MessageRejected);
  });

  it('see each other’s contracts', () => {
    class OrderRequested {}
    other.OutboxMessage({ type: 'order.requested', to: 'stock' })(OrderRequested);
    expect(one.contractOf(OrderRequested)).toMatchObject({ type: 'order.requested', consumers: ['stock'] });
  });

  it.each(['MessageHandler', 'OnAccepted', 'Compensate'] as const)('see each other’s @%s', (name) => {
    class OrderRequested {}
    const descriptor = { value: async () => undefined };
    other[name](OrderRequested)({}, 'take', descriptor);
    expect(one.declaredOn(descriptor.value)).toMatchObject([{ contract: OrderRequested }]);
  });

  it('take each other’s rejections for rejections, and nothing else', () => {
    class OutOfStock extends other.MessageRejected {}
    expect(new other.MessageRejected('NO')).toBeInstanceOf(one.MessageRejected);
    expect(new OutOfStock('NO')).toBeInstanceOf(one.MessageRejected);
    expect(new one.MessageRejected('NO')).not.toBeInstanceOf(OutOfStock);
    for (const not of [undefined, null, 'NO', {}, new Error('NO')])
      expect(not instanceof one.MessageRejected).toBe(false);
  });

  it.each(one.ERRORS.map((type, index) => [type.name, type, other.ERRORS[index]!] as const))(
    'take each other’s %s for one, and for nothing else',
    (name, mine, theirs) => {
      const error: unknown = Object.create(theirs.prototype);
      expect(error).toBeInstanceOf(mine);
      for (const type of one.ERRORS)
        expect([type.name, error instanceof type]).toEqual([type.name, ['OutboxError', name].includes(type.name)]);
    },
  );

  it('know every error that the library exports', () => {
    const { ERRORS, ...exported } = jest.requireActual<typeof Errors>('./errors');
    expect(new Set<unknown>(ERRORS)).toEqual(new Set(Object.values(exported)));
  });
});
