import { MessageRejected, OutboxMessage } from '../../index';
import type { Meter } from '../../ports/meter';
import { compensate, handle, onAccepted, OutboxHarness } from '..';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {
  sku!: string;
}

/** Nobody has a handler for it. */
@OutboxMessage({ type: 'stock.asked', to: 'order-service' })
class StockAsked {}

/**
 * An hour of two services: four orders, of which one fails before it is accepted, one is rejected and one's refund fails once;
 * and a question that order-service does not understand.
 */
export async function measuredShop(meters: { users: Meter; orders: Meter }): Promise<OutboxHarness> {
  const system = new OutboxHarness();
  let failures = 1;
  let refunds = 0;
  await system.service(
    'order-service',
    [
      handle(OrderRequested, async ({ sku }) => {
        if (sku === 'shy' && failures-- > 0) throw new Error('not yet');
        if (sku === 'gone') throw new MessageRejected('OUT_OF_STOCK');
      }),
    ],
    { metrics: meters.orders },
  );
  const users = await system.service(
    'user-service',
    [
      onAccepted(OrderRequested, async () => {}),
      compensate(OrderRequested, async () => {
        if (refunds++ === 0) throw new Error('the bank is closed');
      }),
    ],
    { metrics: meters.users },
  );
  await users.transactions.run(() => users.outbox.addAll(OrderRequested, [{ sku: 'stick' }, { sku: 'shy' }]));
  await users.add(OrderRequested, { sku: 'gone' });
  await users.add(StockAsked, {});
  await system.clock.advance(3_600_000);
  return system;
}
