import { MessageRejected, OutboxMessage } from '@tallystick/outbox';
import { compensate, handle, OutboxHarness } from '@tallystick/outbox/testing';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {
  sku!: string;
}

it('refunds once, though the receipt was lost', async () => {
  const system = new OutboxHarness();
  let refunds = 0;
  await system.service('order-service', [
    handle(OrderRequested, async () => {
      throw new MessageRejected('OUT_OF_STOCK');
    }),
  ]);
  const users = await system.service('user-service', [
    compensate(OrderRequested, async () => {
      refunds += 1;
    }),
  ]);
  system.faults.lose('receipt');
  await users.add(OrderRequested, { sku: 'tally-stick' });
  await system.drain();
  expect(refunds).toBe(1);
});
