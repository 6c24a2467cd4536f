import { AsyncLocalStorage } from 'node:async_hooks';
import { IsInt, IsString, Min } from 'class-validator';
import { MessageRejected, OutboxMessage } from '../index';
import { compensate, handle, onAccepted, OutboxHarness, type HarnessService } from './index';

@OutboxMessage({ type: 'order.requested', to: 'order-service', key: 'sku', deadline: '2h' })
class OrderRequested {
  @IsString() sku!: string;
  @IsInt() @Min(1) quantity!: number;
}
/** What another version of order-service takes the same message to be. */
@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class StricterOrderRequested {
  @IsString() colour!: string;
}
@OutboxMessage({ type: 'trip.requested', to: ['hotel-service', 'flight-service'] })
class TripRequested {}
@OutboxMessage({ type: 'user.registered' })
class UserRegistered {}
@OutboxMessage({ type: 'newsletter.sent', listeners: 'optional' })
class NewsletterSent {}

interface Count {
  readonly name: string;
  readonly count: number;
}
/** Counts in the transaction: what rolls back is not counted. */
const count = (context: { manager: unknown }, name: string): Promise<unknown> => {
  const table = (
    context.manager as {
      table(name: string): { get(k: string): Promise<Count | undefined>; put(k: string, row: Count): Promise<void> };
    }
  ).table('counts');
  return table.get(name).then((row) => table.put(name, { name, count: (row?.count ?? 0) + 1 }));
};
const counts = (service: HarnessService): Record<string, number> =>
  Object.fromEntries(service.rows<Count>('counts').map((row) => [row.name, row.count]));
const eventsOf = (service: HarnessService): string[] => service.events.map(({ event }) => event);
const order = { sku: 'a', quantity: 1 };
/** Shorter than usual, so that fewer virtual days pass. */
const QUICK = { giveUpAfter: '6h', horizon: '1d', retention: { outbox: '2d', inbox: '2d' } };

/** order-service accepts, unless told otherwise; user-service counts what follows. */
async function shop(
  work: (attempt: number) => unknown = () => undefined,
  followUp: (name: string, tries: number) => unknown = () => undefined,
) {
  const system = new OutboxHarness();
  let attempts = 0;
  let tries = 0;
  const orders = await system.service(
    'order-service',
    [
      handle(OrderRequested, async (_, context) => {
        await count(context, 'orders');
        return work(++attempts);
      }),
    ],
    QUICK,
  );
  const users = await system.service(
    'user-service',
    [
      onAccepted(OrderRequested, async (_, context) => {
        await count(context, 'completed');
        followUp('completed', ++tries);
      }),
      compensate(OrderRequested, async (_, context) => {
        await count(context, `refunded ${context.reason?.code}`);
        followUp('refunded', ++tries);
      }),
    ],
    QUICK,
  );
  return { system, orders, users, handled: () => attempts };
}
const stateOf = async (service: HarnessService, id: string): Promise<string[]> =>
  (await service.status(id)).deliveries.map(({ state }) => state);

describe('a request', () => {
  it('that is accepted is completed, with one effect on each side', async () => {
    const { system, users, orders } = await shop(() => ({ orderId: 7 }));
    const { id } = await users.add(OrderRequested, order);
    const status = await system.waitForVerdict(users, id);
    expect(status.deliveries).toMatchObject([
      { consumer: 'order-service', state: 'completed', verdict: 'accepted', result: { orderId: 7 }, attempts: 1 },
    ]);
    expect([counts(orders), counts(users)]).toEqual([{ orders: 1 }, { completed: 1 }]);
  });

  it('that is rejected leaves no effect and is compensated once', async () => {
    const { system, users, orders } = await shop(() => {
      throw new MessageRejected('OUT_OF_STOCK', { left: 0 });
    });
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'compensated', reason: { code: 'OUT_OF_STOCK', details: { left: 0 } } },
    ]);
    expect([counts(orders), counts(users)]).toEqual([{}, { 'refunded OUT_OF_STOCK': 1 }]);
  });

  it.each([
    ['an empty reason', '', undefined, 'UNSPECIFIED'],
    ['a number for a reason', 7, undefined, 'UNSPECIFIED'],
    ['details that no reader takes', 'NO', JSON.parse('{"__proto__":{"a":1}}'), 'NO'],
    ['details that are no JSON', 'NO', { n: 1n }, 'NO'],
  ])('that is rejected with %s is compensated once all the same', async (_, reason, details, told) => {
    const { system, users, orders } = await shop(() => {
      throw new MessageRejected(reason as string, details);
    });
    await users.add(OrderRequested, order);
    await system.drain();
    expect(counts(users)).toEqual({ [`refunded ${told}`]: 1 });
    expect(eventsOf(orders)).toContain('inbox.reason-replaced');
  });

  it.each([
    ['add', (users: HarnessService) => void users.outbox.add(OrderRequested, order).catch(() => undefined)],
    [
      'addAll',
      (users: HarnessService) => void users.outbox.addAll(OrderRequested, [order, order]).catch(() => undefined),
    ],
    [
      'add in forEach',
      (users: HarnessService) =>
        [1, 2, 3].forEach(async () => void (await users.outbox.add(OrderRequested, order).catch(() => undefined))),
    ],
  ])('that nobody awaited (%s) is noticed before the commit, which is refused', async (_, forgotten) => {
    const { users } = await shop();
    const work = users.transactions.run(async (transaction) => {
      await count({ manager: transaction }, 'bought');
      forgotten(users);
    });
    await expect(work).rejects.toThrow(/outbox\.add\('order\.requested'\).*`await` is missing/);
    expect([counts(users), users.rows('outbox_message')]).toEqual([{}, []]);
  });

  it('that is cancelled without an await is not committed either', async () => {
    const { users, orders } = await shop();
    orders.crash();
    const { id } = await users.add(OrderRequested, order);
    const work = users.transactions.run(async () => void users.outbox.cancel(id).catch(() => undefined));
    await expect(work).rejects.toThrow(/outbox\.cancel.*`await` is missing/);
    expect(await stateOf(users, id)).not.toEqual(['cancelling']);
  });

  it('and whatever follows it run in nobody’s request', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { system, users } = await shop(
      () => void seen.push(request.getStore()),
      () => void seen.push(request.getStore()),
    );
    await request.run('ada', () => users.add(OrderRequested, order));
    await request.run('ben', () => system.drain());
    expect(seen).toEqual([undefined, undefined]);
  });

  it('goes with its transaction: rolled back, it never existed', async () => {
    const { system, users, orders } = await shop();
    const work = users.transactions.run(async () => {
      await users.outbox.add(OrderRequested, order);
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    await system.advance('1h');
    expect([users.rows('outbox_message'), counts(orders)]).toEqual([[], {}]);
  });

  it('cannot be recorded outside of a transaction, nor if it breaks its contract, nor twice with one id', async () => {
    const { users } = await shop();
    await expect(users.outbox.add(OrderRequested, order)).rejects.toThrow('needs an open transaction');
    await expect(users.add(OrderRequested, { sku: 'a', quantity: 0 })).rejects.toThrow(
      'quantity must not be less than 1',
    );
    await expect(users.add(OrderRequested, order, { delay: '8d' })).rejects.toThrow('half the horizon');
    await expect(users.add(OrderRequested, order, { delay: '2h' })).rejects.toThrow('before it is sent');
    await expect(users.add(OrderRequested, order, { dely: '1h' } as never)).rejects.toThrow("Did you mean 'delay'?");
    await expect(users.add(OrderRequested, order, { headers: { 'x-death': '1' } })).rejects.toThrow('reserved');
    const { id } = await users.add(OrderRequested, order);
    await expect(users.add(OrderRequested, order, { id })).rejects.toThrow(id);
  });

  it('waits for its delay', async () => {
    const { system, users, orders } = await shop();
    await users.add(OrderRequested, order, { delay: '1h' });
    await system.advance('59m');
    expect(counts(orders)).toEqual({});
    await system.advance('10m');
    expect(counts(orders)).toEqual({ orders: 1 });
  });

  it('that fails for technical reasons is put off, leaves no trace, and succeeds in the end', async () => {
    const { system, users, orders, handled } = await shop((attempt) => {
      if (attempt <= 5) throw new Error('the database hiccups');
    });
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    expect(await stateOf(users, id)).toEqual(['completed']);
    expect([handled(), counts(orders), counts(users)]).toEqual([6, { orders: 1 }, { completed: 1 }]);
  });

  it('to several consumers has a verdict and a follow-up for each', async () => {
    const system = new OutboxHarness();
    await system.service('hotel-service', [handle(TripRequested, async () => undefined)], QUICK);
    await system.service(
      'flight-service',
      [
        handle(TripRequested, async () => {
          throw new MessageRejected('FULL');
        }),
      ],
      QUICK,
    );
    const told: string[] = [];
    const users = await system.service(
      'user-service',
      [
        onAccepted(TripRequested, async (_, { consumer }) => told.push(`accepted by ${consumer}`)),
        compensate(TripRequested, async (_, { consumer }) => told.push(`rejected by ${consumer}`)),
      ],
      QUICK,
    );
    const { id } = await users.add(TripRequested, {});
    await system.drain();
    expect((await stateOf(users, id)).sort()).toEqual(['compensated', 'completed']);
    expect(told.sort()).toEqual(['accepted by hotel-service', 'rejected by flight-service']);
  });
});

describe('whatever the broker does', () => {
  it.each([
    ['loses the message', (faults: OutboxHarness['faults']) => faults.lose('message', 3)],
    ['loses the receipt', (faults: OutboxHarness['faults']) => faults.lose('receipt', 3)],
    [
      'doubles everything',
      (faults: OutboxHarness['faults']) => faults.duplicate('message', 5_000).duplicate('receipt', 90_000),
    ],
    [
      'loses the confirm',
      (faults: OutboxHarness['faults']) => faults.loseConfirm('message', 2).loseConfirm('receipt', 2),
    ],
    ['delivers the message after its resend', (faults: OutboxHarness['faults']) => faults.delay('message', 300_000)],
    ['returns and refuses', (faults: OutboxHarness['faults']) => faults.return('message', 2).refuse('message', 2)],
  ])('%s, there is one order and one completion', async (_, plan) => {
    const { system, users, orders } = await shop();
    plan(system.faults);
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    await system.advance('1h');
    expect(await stateOf(users, id)).toEqual(['completed']);
    expect([counts(orders), counts(users)]).toEqual([{ orders: 1 }, { completed: 1 }]);
    expect(eventsOf(users)).not.toContain('receipt.contradiction');
  });

  it('does not claim while the broker is down, and keeps accepting messages', async () => {
    const { system, users } = await shop();
    system.broker.interrupt();
    for (let i = 0; i < 20; i++) await users.add(OrderRequested, order);
    await system.advance('10m');
    expect(users.rows<{ attempts: number }>('outbox_delivery').map(({ attempts }) => attempts)).toEqual(
      Array(20).fill(0),
    );
    system.broker.resume();
    await system.drain();
    expect(counts(users)).toEqual({ completed: 20 });
  });
});

describe('wherever a process crashes', () => {
  it.each(['committing', 'committed', 'handled'] as const)(
    'order-service at "%s": one order, one completion',
    async (step) => {
      const { system, users, orders } = await shop();
      orders.crashAt(step);
      const { id } = await users.add(OrderRequested, order);
      await system.advance('10s');
      expect(orders.running).toBe(false);
      await orders.start();
      await system.drain();
      expect(await stateOf(users, id)).toEqual(['completed']);
      expect([counts(orders), counts(users)]).toEqual([{ orders: 1 }, { completed: 1 }]);
    },
  );

  it.each(['published', 'receipt-arrived', 'committing', 'committed'] as const)(
    'user-service at "%s": one order, one completion',
    async (step) => {
      const { system, users, orders } = await shop();
      const { id } = await users.add(OrderRequested, order);
      users.crashAt(step);
      await system.advance('10s');
      expect(users.running).toBe(false);
      await users.start();
      await system.drain();
      expect(await stateOf(users, id)).toEqual(['completed']);
      expect([counts(orders), counts(users)]).toEqual([{ orders: 1 }, { completed: 1 }]);
    },
  );

  it('user-service at "claimed": the lease ends and the row is taken again', async () => {
    const { system, users, orders } = await shop();
    system.broker.interrupt();
    const { id } = await users.add(OrderRequested, order);
    users.crashAt('claimed');
    system.broker.resume();
    await system.advance('10s');
    expect(users.running).toBe(false);
    await users.start();
    await system.drain();
    expect(await stateOf(users, id)).toEqual(['completed']);
    expect(counts(orders)).toEqual({ orders: 1 });
  });

  it('an orderly stop gives leases back: nobody waits for them to end', async () => {
    const { system, users, orders } = await shop();
    await users.add(OrderRequested, order);
    const stopped = users.stop();
    await system.advance('1m');
    await stopped;
    await users.start();
    await system.drain();
    expect(counts(orders)).toEqual({ orders: 1 });
  });
});

describe('a follow-up', () => {
  it('that fails leaves the verdict safe and runs again, to commit once', async () => {
    const { system, users } = await shop(
      () => {
        throw new MessageRejected('NO');
      },
      (_, tries) => {
        if (tries <= 3) throw new Error('the refund fails');
      },
    );
    const { id } = await users.add(OrderRequested, order);
    await system.advance(10);
    expect((await users.status(id)).deliveries).toMatchObject([{ state: 'answered', verdict: 'rejected' }]);
    await system.drain();
    expect(await stateOf(users, id)).toEqual(['compensated']);
    expect(counts(users)).toEqual({ 'refunded NO': 1 });
  });

  it.each(['40001', '40P01'])(
    'that loses against another transaction (%s) runs again at once, and so does a handler',
    async (code) => {
      const losing = (tries: number): void => {
        if (tries <= 2) throw Object.assign(new Error('somebody else was faster'), { driverError: { code } });
      };
      const { system, orders, users, handled } = await shop(losing, (_, tries) => losing(tries));
      const { id } = await users.add(OrderRequested, order);
      await system.advance(10);
      expect((await users.status(id)).deliveries).toMatchObject([{ state: 'completed', attempts: 1 }]);
      expect([handled(), counts(orders), counts(users)]).toEqual([3, { orders: 1 }, { completed: 1 }]);
      expect(eventsOf(orders)).not.toContain('inbox.deferred');
    },
  );

  it('that loses every time is kept for later', async () => {
    const { system, users } = await shop(undefined, (_, tries) => {
      if (tries <= 3) throw Object.assign(new Error('somebody else was faster'), { code: '40001' });
    });
    const { id } = await users.add(OrderRequested, order);
    await system.advance(10);
    expect(await stateOf(users, id)).toEqual(['answered']);
    await system.drain();
    expect([await stateOf(users, id), counts(users)]).toEqual([['completed'], { completed: 1 }]);
  });

  it('that always fails is parked with its verdict, and goes on after a retry', async () => {
    let broken = true;
    const { system, users } = await shop(undefined, () => {
      if (broken) throw new Error('still broken');
    });
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    expect((await users.status(id)).deliveries).toMatchObject([
      {
        state: 'parked',
        verdict: 'accepted',
        code: 'FOLLOW_UP_FAILED',
        lastError: expect.stringMatching(/^FOLLOW_UP_FAILED/),
      },
    ]);
    broken = false;
    await users.operations.retry(id);
    await system.drain();
    expect([await stateOf(users, id), counts(users)]).toEqual([['completed'], { completed: 1 }]);
  });

  it('is not stopped by a contract that was tightened after its message was recorded', async () => {
    const { system, orders, users } = await shop(() => {
      throw new MessageRejected('NO');
    });
    orders.crash();
    await users.add(OrderRequested, order);
    users.crash();
    await orders.start();
    await users.start([compensate(StricterOrderRequested, (_, context) => count(context, 'refunded'))]);
    await system.drain();
    expect(counts(users)).toEqual({ refunded: 1 });
  });

  it('that this process lacks is left to one that has it (R13)', async () => {
    const { system, users } = await shop();
    const { id } = await users.add(OrderRequested, order);
    users.crash();
    await users.start([]);
    await system.advance('10m');
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'answered', verdict: 'accepted', lastError: expect.stringContaining('NO_HANDLER') },
    ]);
    users.crash();
    await users.start([onAccepted(OrderRequested, async (_, context) => count(context, 'completed'))]);
    await system.drain();
    expect([await stateOf(users, id), counts(users)]).toEqual([['completed'], { completed: 1 }]);
  });
});

describe('a follow-up that the recorder does not have', () => {
  const refunds = compensate(OrderRequested, async (_, context) => count(context, 'refunded'));
  const rejecting = async () => {
    const { system, users } = await shop(() => {
      throw new MessageRejected('OUT_OF_STOCK');
    });
    return { system, users };
  };

  it('runs all the same, once some process of the service has had it: recorder and closer need not (R13)', async () => {
    const { system, users } = await rejecting();
    users.crash();
    await users.start([]); // a worker: another deployment of the same service
    const { id } = await users.add(OrderRequested, order);
    await system.advance('10m');
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'answered', followUp: 'both', lastError: expect.stringContaining('NO_HANDLER') },
    ]);
    users.crash();
    await users.start([refunds]);
    await system.drain();
    expect([await stateOf(users, id), counts(users)]).toEqual([['compensated'], { refunded: 1 }]);
  });

  it('runs for what was recorded before the first process with it ever started', async () => {
    const system = new OutboxHarness();
    const orders = await system.service(
      'order-service',
      [
        handle(OrderRequested, async () => {
          throw new MessageRejected('OUT_OF_STOCK');
        }),
      ],
      QUICK,
    );
    orders.crash();
    const users = await system.service('user-service', [], QUICK);
    const { id } = await users.add(OrderRequested, order);
    users.crash();
    await users.start([refunds]);
    await orders.start();
    await system.drain();
    expect([await stateOf(users, id), counts(users)]).toEqual([['compensated'], { refunded: 1 }]);
  });
});

describe('giving up', () => {
  it('asks the consumer: what it has not begun it rejects as cancelled, and the late copy does nothing', async () => {
    const { system, users, orders } = await shop();
    system.faults.delay('message', 3_600_000);
    const { id } = await users.add(OrderRequested, order);
    await users.outbox.cancel(id, { reason: 'changed my mind' });
    expect(await stateOf(users, id)).toEqual(['cancelling']);
    await system.drain();
    await system.advance('1d');
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'compensated', reason: { code: 'CANCELLED', message: 'changed my mind' } },
    ]);
    expect([counts(orders), counts(users)]).toEqual([{}, { 'refunded CANCELLED': 1 }]);
  });

  it('needs no reason', async () => {
    const { users, orders } = await shop();
    orders.crash();
    const { id } = await users.add(OrderRequested, order);
    expect((await users.outbox.cancel(id)).deliveries).toMatchObject([
      { lastError: 'CANCEL_REQUESTED: no reason given' },
    ]);
  });

  it('after the deadline it is refunded once the consumer is back, never before', async () => {
    const { system, users, orders } = await shop();
    orders.crash();
    const { id } = await users.add(OrderRequested, order);
    await system.advance('5h');
    expect(await stateOf(users, id)).toEqual(['cancelling']);
    await orders.start();
    await system.drain();
    expect((await users.status(id)).deliveries).toMatchObject([{ state: 'compensated', reason: { code: 'DEADLINE' } }]);
    expect([counts(orders), counts(users)]).toEqual([{}, { 'refunded DEADLINE': 1 }]);
  });

  it('too late is not possible: a verdict that exists is replayed', async () => {
    const { system, users, orders } = await shop();
    system.faults.lose('receipt');
    const { id } = await users.add(OrderRequested, order);
    await system.advance('1s');
    await users.outbox.cancel(id, { reason: 'too late' });
    await system.drain();
    expect([await stateOf(users, id), counts(orders), counts(users)]).toEqual([
      ['completed'],
      { orders: 1 },
      { completed: 1 },
    ]);
  });
});

describe('what cannot be processed', () => {
  it('is parked, and goes on when a version that knows it is there and somebody retries', async () => {
    const system = new OutboxHarness();
    const known = [handle(OrderRequested, async (_: OrderRequested, context) => count(context, 'orders'))];
    const orders = await system.service(
      'order-service',
      [handle(StricterOrderRequested, async () => undefined)],
      QUICK,
    );
    const users = await system.service('user-service', [], QUICK);
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    expect((await users.status(id)).deliveries).toMatchObject([
      {
        state: 'parked',
        lastError: expect.stringMatching(/^UNPROCESSABLE: INVALID_PAYLOAD.* colour must be a string/),
      },
    ]);
    orders.crash();
    await orders.start(known);
    await users.operations.retry(id);
    await system.drain();
    expect([await stateOf(users, id), counts(orders)]).toEqual([['completed'], { orders: 1 }]);
  });

  it('cannot be discarded before its cancel was tried, unless forced', async () => {
    const system = new OutboxHarness();
    const orders = await system.service('order-service', [handle(TripRequested, async () => undefined)], QUICK);
    await system.service('hotel-service', [handle(TripRequested, async () => undefined)], QUICK);
    const users = await system.service('user-service', [], QUICK);
    orders.crash();
    const { id } = await users.add(TripRequested, {});
    await system.drain();
    // flight-service was never there: its copy could still be executed by whoever starts it.
    const flight = (await users.status(id)).deliveries.find(({ consumer }) => consumer === 'flight-service');
    expect(flight).toMatchObject({ state: 'parked', code: 'GAVE_UP', lastError: expect.stringMatching(/^GAVE_UP/) });
    const discard = (force: boolean): Promise<unknown> =>
      users.operations.discard(id, 'by phone', { to: 'flight-service', force });
    await expect(discard(false)).rejects.toThrow('Try cancel() first');
    await discard(true);
    expect((await stateOf(users, id)).sort()).toEqual(['completed', 'discarded']);
  });

  it('can be discarded once its cancel went unanswered', async () => {
    const { system, users, orders } = await shop(() => {
      throw new Error('never');
    });
    const { id } = await users.add(OrderRequested, order);
    orders.crash();
    await system.drain();
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'parked', code: 'CANCEL_UNANSWERED', lastError: expect.stringMatching(/^CANCEL_UNANSWERED/) },
    ]);
    await users.operations.discard(id, 'settled by phone');
    expect(await stateOf(users, id)).toEqual(['discarded']);
  });

  it('has the id of a message of another service: both are handled, each with its own verdict', async () => {
    const { system, orders, users } = await shop();
    const partners = await system.service('partner-service', [], QUICK);
    const { id } = await users.add(OrderRequested, order);
    await system.drain();
    await partners.add(OrderRequested, order, { id });
    await system.drain();
    expect([await stateOf(users, id), await stateOf(partners, id)]).toEqual([['completed'], ['completed']]);
    expect(counts(orders)).toEqual({ orders: 2 });
  });

  it('is of a type whose handler was removed: the next start names it', async () => {
    const { orders } = await shop();
    orders.crash();
    await orders.start([]);
    expect(orders.events).toContainEqual({
      event: 'inbox.not-handled-here',
      type: 'order.requested',
      where: expect.any(String),
    });
  });

  it('is of a type that a script of its service need not handle: nothing is named where nothing is sent or handled', async () => {
    const orders = await new OutboxHarness().service('order-service', [handle(OrderRequested, async () => undefined)], {
      relay: false,
    });
    orders.crash();
    await orders.start([]);
    expect(eventsOf(orders)).not.toContain('inbox.not-handled-here');
  });

  it('is older than the horizon: it is not executed, and parked as expired', async () => {
    const { system, users, orders } = await shop();
    orders.crash();
    const { id } = await users.add(OrderRequested, order);
    await system.advance('25h');
    await users.operations.retry(id);
    await orders.start();
    await system.advance('6h');
    expect((await users.status(id)).deliveries).toMatchObject([
      { state: 'parked', code: 'EXPIRED', lastError: expect.stringMatching(/^EXPIRED/) },
    ]);
    expect([counts(orders), counts(users)]).toEqual([{}, {}]);
  });
});

describe('an announcement', () => {
  it('ends when it is delivered, and reaches everybody who listens', async () => {
    const system = new OutboxHarness();
    const heard: string[] = [];
    await system.service('mail-service', [handle(UserRegistered, async () => heard.push('mail'))], QUICK);
    await system.service('audit-service', [handle(UserRegistered, async () => heard.push('audit'))], QUICK);
    const users = await system.service('user-service', [], QUICK);
    const { id } = await users.add(UserRegistered, {});
    await system.drain();
    expect([await stateOf(users, id), heard.sort()]).toEqual([['delivered'], ['audit', 'mail']]);
    await expect(users.outbox.cancel(id, { reason: 'x' })).rejects.toThrow('announcement');
  });

  it('without listeners is parked, unless they are optional', async () => {
    const system = new OutboxHarness();
    const users = await system.service('user-service', [], QUICK);
    const required = await users.add(UserRegistered, {});
    const optional = await users.add(NewsletterSent, {});
    await system.drain();
    expect((await users.status(required.id)).deliveries).toMatchObject([
      { state: 'parked', code: 'NOBODY_LISTENS', lastError: expect.stringContaining('NOBODY_LISTENS') },
    ]);
    expect(await stateOf(users, optional.id)).toEqual(['delivered']);
  });

  it('is tried again in place, and put aside when it cannot be handled', async () => {
    const system = new OutboxHarness();
    let tries = 0;
    const mail = await system.service(
      'mail-service',
      [
        handle(UserRegistered, async () => {
          tries++;
          throw new Error('smtp is down');
        }),
      ],
      QUICK,
    );
    const users = await system.service('user-service', [], QUICK);
    await users.add(UserRegistered, {});
    await system.advance('1h');
    expect(tries).toBe(5);
    expect(system.broker.quarantined('mail-service')).toHaveLength(1);
    expect(eventsOf(mail)).toContain('inbox.quarantined');
  });

  it('that fails again and again does not stop the others', async () => {
    const system = new OutboxHarness();
    let failing = 0;
    let handled = 0;
    const work = async (): Promise<void> => {
      if (failing++ < 8) throw new Error('template missing');
      handled++;
    };
    await system.service('mail-service', [handle(UserRegistered, work)], QUICK);
    const users = await system.service('user-service', [], QUICK);
    for (let i = 0; i < 13; i++) await users.add(UserRegistered, {});
    // before the first of them is tried again
    await system.advance('400ms');
    expect([failing, handled]).toEqual([13, 5]);
  });
});

describe('a delivery that does not get on', () => {
  const overdue = (service: HarnessService): unknown[] =>
    service.events.flatMap((event) => (event.event === 'delivery.overdue' ? [[event.state, event.attempt]] : []));

  it('alarms when nobody answers, long before it is parked', async () => {
    const { system, orders, users } = await shop();
    await orders.stop();
    const { id } = await users.add(OrderRequested, order);
    await system.advance('15m');
    expect(overdue(users)).toEqual([['sent', 4]]);
    expect(await stateOf(users, id)).toEqual(['sent']);
  });

  it('alarms when its handler fails again and again, and hands on what it threw', async () => {
    const thrown = new Error('no disk');
    const { system, orders, users } = await shop(() => {
      throw thrown;
    });
    await users.add(OrderRequested, order);
    await system.advance('1h');
    expect(overdue(users)[0]).toEqual(['pending', 8]);
    expect(new Set(orders.errors)).toEqual(new Set([thrown]));
  });

  it('alarms when its follow-up fails, and when no process has it', async () => {
    const thrown = new Error('no account');
    const { system, users } = await shop(undefined, () => {
      throw thrown;
    });
    await users.add(OrderRequested, order);
    await system.advance('30m');
    expect(overdue(users)[0]).toEqual(['answered', 8]);
    expect(new Set(users.errors)).toEqual(new Set([thrown]));

    users.crash();
    users.events.length = 0;
    await users.start([]);
    await system.advance('30m');
    expect(overdue(users).length).toBeGreaterThan(0);
  });

  it('(control) is silent when it gets on', async () => {
    let tries = 0;
    const { system, users } = await shop(() => {
      if (++tries < 4) throw new Error('not yet');
    });
    await users.add(OrderRequested, order);
    await system.drain();
    expect(overdue(users)).toEqual([]);
  });
});

describe('waitForVerdict', () => {
  it('times out without touching the delivery, and knows nothing of unknown messages', async () => {
    const { system, users, orders } = await shop();
    orders.crash();
    const { id } = await users.add(OrderRequested, order);
    const waiting = expect(users.outbox.waitForVerdict(id, { timeout: '5s' })).rejects.toThrow(
      /within 5s, the `timeout` of waitForVerdict \(order-service: (pending|sent)\)/,
    );
    await system.advance('10s');
    await waiting;
    await expect(users.outbox.waitForVerdict('018f0000-0000-7000-8000-000000000001')).rejects.toThrow('No delivery');
  });

  it('does not wait for a person: it ends when the delivery is parked, and says why it is', async () => {
    const { system, users, orders } = await shop();
    orders.crash();
    await orders.start([handle(StricterOrderRequested, async () => undefined)]); // the payload breaks its contract
    const { id } = await users.add(OrderRequested, order);
    const waiting = expect(users.outbox.waitForVerdict(id, { timeout: '1h' })).rejects.toMatchObject({
      code: 'DELIVERY_PARKED',
      message: expect.stringContaining("'order-service' is parked (UNPROCESSABLE)"),
    });
    await system.advance('1m');
    await waiting;
  });
});
