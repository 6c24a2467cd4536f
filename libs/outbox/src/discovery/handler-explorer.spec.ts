import 'reflect-metadata';
import { Controller, Inject, Injectable, type Provider, Scope, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { HandlersUnknownError, InvalidHandlerError } from '../errors';
import { contractOf, OutboxMessage } from '../message/contract';
import { noteRecorded } from '../message/records';
import { Compensate, MessageHandler, OnAccepted } from './decorators';
import { HandlerExplorer } from './handler-explorer';

@OutboxMessage({ type: 'order.requested', to: 'order-service', deadline: '15m' })
class OrderRequested {}
@OutboxMessage({ type: 'invoice.requested', to: 'billing' })
class InvoiceRequested {}
@OutboxMessage({ type: 'user.registered' })
class UserRegistered {}

@Injectable()
class Orders {
  readonly made: object[] = [];
  @MessageHandler(OrderRequested, { timeout: '5s', groupCommit: 4 })
  async create(order: OrderRequested): Promise<void> {
    this.made.push(order);
  }
  @MessageHandler(UserRegistered, { batch: 16 })
  async welcome(_: UserRegistered[]): Promise<void> {}
}

@Controller()
class Invoices {
  @Compensate(InvoiceRequested) async refused(_: InvoiceRequested): Promise<void> {}
}

describe('the explorer', () => {
  async function compile(providers: Provider[], controllers: Type[] = [], horizonMs = 86_400_000) {
    const explorer = {
      provide: HandlerExplorer,
      useFactory: (discovery: DiscoveryService, scanner: MetadataScanner) =>
        new HandlerExplorer(discovery, scanner, { service: 'order-service', handlerTimeoutMs: 30_000, horizonMs }),
      inject: [DiscoveryService, MetadataScanner],
    };
    const imports = [DiscoveryModule];
    return Test.createTestingModule({ imports, providers: [explorer, ...providers], controllers }).compile();
  }
  const explorerOf = async (...args: Parameters<typeof compile>) => (await compile(...args)).get(HandlerExplorer);
  const refusal = async (...args: Parameters<typeof compile>): Promise<string> => {
    const module = await compile(...args);
    await module.init(); // before, what is request-scoped through a dependency looks as if it were still to be created
    const explorer = module.get(HandlerExplorer);
    expect(() => explorer.explore()).toThrow(InvalidHandlerError);
    try {
      explorer.explore();
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing';
  };

  it('finds handlers and follow-ups on providers and controllers, each with its limits', async () => {
    const explorer = await explorerOf([Orders], [Invoices]);
    expect(explorer.handlers()).toHaveLength(2);
    expect(explorer.handler('order.requested')).toMatchObject({
      ...{ kind: 'request', concurrency: 8, timeoutMs: 5_000, groupCommit: 4, where: 'Orders.create' },
    });
    expect(explorer.handler('user.registered')).toMatchObject({ kind: 'announcement', batch: 16, timeoutMs: 30_000 });
    expect(explorer.followUps()).toMatchObject([{ verdict: 'rejected', where: 'Invoices.refused' }]);
    expect(explorer.followUp('invoice.requested', 'rejected')).toBe(explorer.followUps()[0]);
    expect(explorer.followUp('invoice.requested', 'accepted')).toBeUndefined();
    expect(explorer.handler('invoice.requested')).toBeUndefined();
  });

  it('is asked often, and gives the same ones each time', async () => {
    const explorer = await explorerOf([Orders]);
    const [handler] = explorer.handlers();
    explorer.explore();
    expect(explorer.handlers()[0]).toBe(handler);
  });

  it('calls through the instance at the time of the call, so that spies and proxies are honoured', async () => {
    const module = await compile([Orders]);
    const [orders, order] = [module.get(Orders), new OrderRequested()];
    const { handle } = module.get(HandlerExplorer).handler('order.requested')! as {
      handle(...given: object[]): unknown;
    };
    await handle(order, {});
    expect(orders.made).toEqual([order]);
    const spy = jest.spyOn(orders, 'create').mockResolvedValue();
    await handle(order, {});
    expect([spy.mock.calls.length, orders.made.length]).toEqual([1, 1]);
  });

  it('sees a class behind a factory, and one class once under two names', async () => {
    // A function of this kind has a prototype, as a class has.
    const useFactory = function () {
      return Promise.resolve(new Orders());
    };
    const explorer = await explorerOf([
      { provide: 'orders', useFactory },
      { provide: 'the same', useExisting: 'orders' },
    ]);
    expect(explorer.handlers().map(({ where }) => where)).toEqual(['Orders.create', 'Orders.welcome']);
  });

  it('knows what is sent from follow-ups and from methods that record', async () => {
    class Users {
      async register(): Promise<void> {}
    }
    noteRecorded(Users.prototype.register, UserRegistered);
    const explorer = await explorerOf([Users], [Invoices]);
    expect([...explorer.sent()].sort((one, other) => (one.type < other.type ? -1 : 1))).toEqual([
      ...[contractOf(InvoiceRequested), contractOf(UserRegistered)],
    ]);
  });

  describe('refuses', () => {
    class Twin {
      @MessageHandler(OrderRequested) async again(_: OrderRequested): Promise<void> {}
    }

    it('a second handler of one type, which would never be asked; the same class twice as well', async () => {
      expect(await refusal([Orders, Twin])).toBe(
        "Twin.again: 'order.requested' already has a @MessageHandler(OrderRequested) in Orders.create. One message has one per service; call both from one method.",
      );
      expect(await refusal([Twin, { provide: 'another', useClass: Twin }])).toContain('already has a');
    });

    it('a handler of what is sent to others, and a follow-up of what nobody answers', async () => {
      class Elsewhere {
        @MessageHandler(InvoiceRequested) async create(_: InvoiceRequested): Promise<void> {}
        @OnAccepted(UserRegistered) async done(_: UserRegistered): Promise<void> {}
      }
      const problems = await refusal([Elsewhere]);
      expect(problems).toContain("'invoice.requested' is sent to billing, not to 'order-service'");
      expect(problems).toContain('announcement: nobody answers it, so @OnAccepted(UserRegistered) would never run');
    });

    it('what is made for a request, itself or through a dependency, and what is made anew for each injection', async () => {
      @Injectable()
      class PerRequest {
        constructor(@Inject(REQUEST) readonly request: unknown) {}
        @MessageHandler(OrderRequested) async create(_: OrderRequested): Promise<void> {}
      }
      @Injectable({ scope: Scope.TRANSIENT })
      class Transient {
        @MessageHandler(UserRegistered) async create(_: UserRegistered): Promise<void> {}
      }
      const problems = await refusal([PerRequest, Transient]);
      expect(problems).toMatch(/PerRequest\.create: its class is request-scoped/);
      expect(problems).toMatch(/Transient\.create: its class is transient/);
    });

    it('options that cannot be, a class that is no contract, a deadline beyond the horizon: all problems at once', async () => {
      class Plain {}
      class Broken {
        @MessageHandler(UserRegistered, { concurrency: 0 }) async one(_: UserRegistered): Promise<void> {}
        @MessageHandler(Plain) async two(_: Plain): Promise<void> {}
        async three(): Promise<void> {}
        @Compensate(OrderRequested) async four(_: OrderRequested): Promise<void> {}
      }
      noteRecorded(Broken.prototype.three, Plain);
      const problems = await refusal([Broken], [], 60_000);
      expect(problems.split('\n')).toEqual([
        '4 problems with message handlers:',
        expect.stringMatching(/^- Broken\.one: concurrency 0 is no whole number/),
        expect.stringMatching(/^- Broken\.two: Plain is no message contract/),
        expect.stringMatching(/^- Broken\.three: Plain is no message contract/),
        expect.stringMatching(/^- .*deadline/),
      ]);
    });
  });

  it('refuses to look while Nest is creating providers: it would miss those of factories', async () => {
    let tried: unknown;
    const early = {
      provide: 'early',
      useFactory: (explorer: HandlerExplorer) => {
        try {
          explorer.handlers();
        } catch (error) {
          tried = error;
        }
        return {};
      },
      inject: [HandlerExplorer],
    };
    const explorer = await explorerOf([
      early,
      { provide: 'orders', useFactory: () => new Orders(), inject: ['early'] },
    ]);
    expect(tried).toBeInstanceOf(HandlersUnknownError);
    expect((tried as Error).message).toMatch(
      /still creating providers \(\w+ does not exist yet\).*Nothing was recorded/,
    );
    expect(explorer.handlers()).toHaveLength(2);
  });
});
