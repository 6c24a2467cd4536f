import type { DeliveryRow } from '../testing/memory/memory-tables';
import { OperationRefusedError, OutboxMessage } from '../index';
import { compensate, handle, OutboxHarness } from '../testing';
import type { HarnessServiceOptions } from '../testing';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}
@OutboxMessage({ type: 'mail.requested', to: 'mail-service' })
class MailRequested {}

const WHY = { reason: 'their database moves', by: 'ada' };

/** user-service sends to order-service and to mail-service, which accept everything. */
async function system(options: HarnessServiceOptions = {}) {
  const harness = new OutboxHarness();
  const handled = { orders: 0, mails: 0 };
  await harness.service('order-service', [handle(OrderRequested, async () => void handled.orders++)]);
  await harness.service('mail-service', [handle(MailRequested, async () => void handled.mails++)]);
  let refunds = 0;
  const users = await harness.service('user-service', [compensate(OrderRequested, async () => void refunds++)], {
    pollInterval: '1s',
    ...options,
  });
  const rows = (): DeliveryRow[] => users.rows<DeliveryRow>('outbox_delivery');
  const events = (name: string) => users.events.filter(({ event }) => event === name);
  return { harness, users, handled, rows, events, refunds: () => refunds };
}

describe('a pause', () => {
  it('holds back what is recorded after it, for longer than `giveUpAfter` and through a restart; resume sends all of it', async () => {
    const { harness, users, handled, rows } = await system({ giveUpAfter: '6h', pollInterval: '30s' });
    await users.operations.pause({ to: 'order-service', ...WHY });
    for (let i = 0; i < 20; i++) await users.add(OrderRequested, {});
    await users.add(MailRequested, {});
    await harness.advance('1h');
    expect(handled).toEqual({ orders: 0, mails: 1 });
    await users.stop();
    await users.start();
    await harness.advance('8h');
    expect(handled.orders).toBe(0);
    expect(rows().filter(({ state, attempts }) => state === 'pending' && attempts === 0)).toHaveLength(20);

    expect(await users.operations.resume({ to: 'order-service' })).toEqual({ released: 20 });
    await harness.drain();
    expect(handled.orders).toBe(20);
  });

  it('is obeyed by what is already handed off: it is given back, and no attempt is counted', async () => {
    const { harness, users, handled, rows } = await system({ window: 2 });
    const block = harness.broker.publish;
    harness.broker.publish = () => {}; // the first one holds the only slot of its consumer
    await users.add(OrderRequested, {});
    for (let i = 0; i < 10; i++) await users.add(OrderRequested, {});
    await users.operations.pause({ to: 'order-service', ...WHY });
    await harness.advance('1s');
    harness.broker.publish = block;
    await harness.advance('10m');
    expect(handled.orders).toBe(0);
    expect(
      rows()
        .map(({ attempts }) => attempts)
        .sort(),
    ).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(rows().every(({ state, code }) => state === 'pending' && code === 'PAUSED')).toBe(true);

    await users.operations.resume({ to: 'order-service' });
    await harness.drain();
    expect(handled.orders).toBe(11);
  });

  it('lets receipts be applied, deadlines pass and refunds run', async () => {
    const { harness, users, handled, rows, refunds } = await system();
    harness.faults.delay('receipt', 60_000);
    await users.add(OrderRequested, {});
    await harness.advance('10s');
    await users.operations.pause(WHY);
    await harness.advance('2m');
    expect(handled.orders).toBe(1);
    expect(rows().map(({ state }) => state)).toEqual(['completed']);

    const { id } = await users.add(OrderRequested, {});
    await users.outbox.cancel(id, { reason: 'changed my mind' });
    await harness.drain();
    expect([handled.orders, refunds()]).toEqual([1, 1]);
  });

  it('is said when a relay learns of it, at its start too, and when it ends; once', async () => {
    const { harness, users, events } = await system();
    const told = { event: 'relay.paused', target: 'to:order-service', by: 'ada', reason: WHY.reason };
    await users.operations.pause({ to: 'order-service', ...WHY });
    await harness.advance('10s');
    expect(events('relay.paused')).toEqual([expect.objectContaining(told)]);
    await users.stop();
    await users.start();
    await harness.advance('10s');
    expect(events('relay.paused')).toHaveLength(2);
    expect(events('relay.resumed')).toEqual([]);
    await users.operations.resume({ to: 'order-service' });
    await harness.advance('10s');
    expect(events('relay.resumed')).toEqual([{ event: 'relay.resumed', target: 'to:order-service' }]);
  });

  it('that cannot be meant, or is not there, is refused, and the error says what is', async () => {
    const { users } = await system();
    const { operations } = users;
    await expect(operations.pause({ type: 'order.*', ...WHY })).rejects.toThrow('one whole type');
    await expect(operations.pause({ to: '', ...WHY })).rejects.toThrow('to: "" is no text');
    await expect(operations.pause({ reason: '' })).rejects.toThrow('needs a reason');
    await expect(operations.pause({ consumer: 'x', ...WHY } as never)).rejects.toThrow("unknown option 'consumer'");
    await operations.pause({ to: 'order-service', ...WHY });
    await expect(operations.resume()).rejects.toThrow(
      new OperationRefusedError('There is no pause of everything. Paused is: to:order-service.'),
    );
    expect((await operations.stats()).paused).toEqual([expect.objectContaining({ to: 'order-service', ...WHY })]);
  });
});
