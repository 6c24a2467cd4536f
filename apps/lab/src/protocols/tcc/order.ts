import { insertOrder } from '../../business/orders';
import { type PurchaseRequest, Rejected } from '../../business/purchase';
import { serve } from '../../service/calls';
import type { OrderSide } from '../../service/context';
import { participant } from './participant';

export const order: OrderSide = async (service) => {
  const orders = participant(service, {
    async try(tx, request) {
      const sql = `update stock set quantity = quantity - 1, reserved = reserved + 1
        where sku = $1 and quantity >= 1`;
      if ((await tx.query(sql, [request.sku])).rowCount !== 1) throw new Rejected('OUT_OF_STOCK');
      await insertOrder(tx, request);
      await tx.query(`update orders set status = 'reserved' where id = $1`, [request.purchaseId]);
    },
    async confirm(tx, { purchaseId, sku }) {
      await tx.query('update stock set reserved = reserved - 1 where sku = $1', [sku]);
      await tx.query(`update orders set status = 'confirmed' where id = $1`, [purchaseId]);
    },
    async cancel(tx, { purchaseId, sku }) {
      await tx.query('update stock set reserved = reserved - 1, quantity = quantity + 1 where sku = $1', [sku]);
      await tx.query(`update orders set status = 'cancelled' where id = $1`, [purchaseId]);
    },
  });
  return serve(service.port, {
    async try(request: PurchaseRequest) {
      await service.step('before-try');
      await orders('try', request);
      await service.step('after-try');
    },
    async confirm(request: PurchaseRequest) {
      await service.step('before-confirm');
      await orders('confirm', request);
    },
    cancel: (request: PurchaseRequest) => orders('cancel', request),
  });
};
