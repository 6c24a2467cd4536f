import { createOrder } from '../../business/orders';
import type { PurchaseRequest } from '../../business/purchase';
import type { OrderSide } from '../../service/context';
import { transaction } from '../../service/database';
import { Queues } from '../../service/queues';
import type { Reply } from './messages';

export const order: OrderSide = async (service) => {
  const queues = await Queues.connect(service.amqpUrl);

  await queues.consume('orders', async (request: PurchaseRequest) => {
    let verdict: Reply['verdict'] = 'completed';
    try {
      await transaction(service.database, (tx) => createOrder(tx, request));
    } catch {
      verdict = 'rejected'; // whatever it was: "the order could not be created"
    }
    await service.step('after-order');
    await queues.publish('replies', { ...request, verdict } satisfies Reply);
    await service.step('after-reply');
  });

  return queues;
};
