import { debit, recordPurchase, refund, settle } from '../../business/accounts';
import type { PurchaseRequest } from '../../business/purchase';
import type { UserSide } from '../../service/context';
import { transaction } from '../../service/database';
import { Queues } from '../../service/queues';
import type { Reply } from './messages';

export const user: UserSide = async (service) => {
  const queues = await Queues.connect(service.amqpUrl);

  await queues.consume('replies', async ({ verdict, ...request }: Reply) => {
    await transaction(service.database, async (tx) => {
      await settle(tx, request.purchaseId, verdict);
      if (verdict === 'rejected') await refund(tx, request);
    });
    if (verdict === 'rejected') await service.step('after-refund');
    service.settled(request.purchaseId);
  });

  return {
    async buy(request: PurchaseRequest) {
      await transaction(service.database, async (tx) => {
        await debit(tx, request);
        await recordPurchase(tx, request, 'pending');
      });
      await service.step('after-debit');
      await queues.publish('orders', request);
      await service.step('after-publish');
      return 'accepted';
    },
    stop: () => queues.stop(),
  };
};
