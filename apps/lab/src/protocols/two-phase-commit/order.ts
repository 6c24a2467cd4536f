import { createOrder } from '../../business/orders';
import type { PurchaseRequest } from '../../business/purchase';
import { call, serve } from '../../service/calls';
import type { OrderSide } from '../../service/context';
import type { Decision } from './coordinator';
import { Participant } from './participant';

type Named = Pick<PurchaseRequest, 'purchaseId'>;

export const order: OrderSide = async (service) => {
  const orders = new Participant(service.database, 'order');
  const server = await serve(service.port, {
    async prepare(request: PurchaseRequest) {
      await orders.prepare(request.purchaseId, (tx) => createOrder(tx, request));
      await service.step('after-prepare');
    },
    async commit({ purchaseId }: Named) {
      await service.step('before-commit');
      await orders.end(purchaseId, 'commit');
    },
    rollback: ({ purchaseId }: Named) => orders.end(purchaseId, 'rollback'),
  });
  const ask = (purchaseId: string): Promise<Decision> => call(service.peerUrl, 'decision', { purchaseId });
  const recovery = orders.recoverForEver(ask);
  return { stop: () => Promise.all([recovery.stop(), server.stop()]).then(() => undefined) };
};
