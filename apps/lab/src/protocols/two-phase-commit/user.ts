import { debit, recordPurchase } from '../../business/accounts';
import type { Answer, PurchaseRequest } from '../../business/purchase';
import { call, serve } from '../../service/calls';
import type { UserSide } from '../../service/context';
import { Coordinator, type Decision } from './coordinator';
import { Participant } from './participant';

export const user: UserSide = async (service) => {
  const coordinator = new Coordinator(service.database, service.without.has('decision'));
  const accounts = new Participant(service.database, 'user');
  const giveUp = (transactionId: string): Promise<Decision> => coordinator.decide(transactionId, 'rollback');

  async function buy(request: PurchaseRequest): Promise<Answer> {
    const { purchaseId } = request;
    const proposed = await promises(request).then(
      (): Decision => 'commit',
      (): Decision => 'rollback', // a no, or no answer in time
    );
    const decision = await coordinator.decide(purchaseId, proposed);
    await service.step('after-decision');
    await accounts.end(purchaseId, decision);
    await service.step(`after-${decision}-user`);
    // Who does not hear it asks.
    await call(service.peerUrl, decision, { purchaseId }).catch(() => undefined);
    return decision === 'commit' ? 'completed' : 'rejected';
  }

  async function promises(request: PurchaseRequest): Promise<void> {
    await accounts.prepare(request.purchaseId, async (tx) => {
      await debit(tx, request);
      await recordPurchase(tx, request, 'completed');
    });
    await service.step('after-prepare-user');
    await call(service.peerUrl, 'prepare', request);
    await service.step('after-prepare-order');
  }

  await accounts.recover(giveUp, 0); // what an earlier life of this process left
  const recovery = accounts.recoverForEver(giveUp);
  const server = await serve(service.port, {
    decision: ({ purchaseId }: { purchaseId: string }) => giveUp(purchaseId),
  });
  return { buy, stop: () => Promise.all([recovery.stop(), server.stop()]).then(() => undefined) };
};
