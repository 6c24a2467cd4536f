import { TransactionRequiredError } from '../errors';
import { Transactional } from './transactional.decorator';
import { type AsyncMethodDecorator, type MethodCall, wrapMethod } from './wrap-method';

describe('wrapMethod', () => {
  const calls: MethodCall[] = [];
  const Recorded = (): AsyncMethodDecorator => (target, key, descriptor) =>
    wrapMethod(target, key, descriptor, async (call) => {
      calls.push(call);
      return `wrapped ${String(await call.proceed())}`;
    });
  const Tagged =
    (name: string): MethodDecorator =>
    (_target, _key, descriptor: PropertyDescriptor) =>
      Reflect.defineMetadata(name, true, descriptor.value as object);

  class Shop {
    readonly prefix = 'sold';

    @Tagged('above')
    @Recorded()
    @Tagged('below')
    async sell(sku: string, _quantity: number): Promise<string> {
      return `${this.prefix} ${sku}`;
    }
  }
  class BookShop extends Shop {}

  beforeEach(() => calls.splice(0));

  it('calls the method with its object and arguments, and returns what the wrapper returns', async () => {
    await expect(new Shop().sell('pen', 2)).resolves.toBe('wrapped sold pen');
    expect(calls).toMatchObject([{ name: 'Shop.sell', args: ['pen', 2] }]);
  });

  it('names the class of the object, not the one that declares the method', async () => {
    await new BookShop().sell('novel', 1);
    expect(calls[0]?.name).toBe('BookShop.sell');
  });

  it('keeps name, number of parameters and the metadata of decorators above and below', () => {
    const { sell } = Shop.prototype;
    expect([sell.name, sell.length]).toEqual(['sell', 2]);
    expect([Reflect.getMetadata('above', sell), Reflect.getMetadata('below', sell)]).toEqual([true, true]);
  });

  it('refuses a static method, which no object is injected into', () => {
    const declare = (): void => {
      class Tools {
        @Transactional()
        static async clean(): Promise<void> {}
      }
      void Tools;
    };
    expect(declare).toThrow('Tools.clean is not a method of the instances');
  });
});

describe('@Transactional() on an object that Nest did not create', () => {
  class Ledger {
    @Transactional()
    async post(): Promise<void> {}
  }

  it('rejects with the name of the method and the way out', async () => {
    const call = new Ledger().post();
    await expect(call).rejects.toThrow(TransactionRequiredError);
    await expect(call).rejects.toThrow(/Ledger\.post .*not created by Nest/);
  });

  it('rejects a method that lost its object', async () => {
    const { post } = new Ledger();
    await expect(post.call(undefined as unknown as Ledger)).rejects.toThrow(/Ledger\.post/);
  });

  it('does not compile on a synchronous method', () => {
    class Sync {
      // @ts-expect-error a transaction takes time: the method must return a promise
      @Transactional()
      now(): number {
        return 1;
      }
    }
    expect(Sync).toBeDefined();
  });
});
