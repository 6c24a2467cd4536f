import { setTimeout as sleep } from 'node:timers/promises';
import { recordPurchase, settle } from '../../business/accounts';
import { type Answer, type PurchaseRequest, Rejected } from '../../business/purchase';
import { call } from '../../service/calls';
import type { UserSide } from '../../service/context';
import { Log } from './log';
import { participant } from './participant';

const LOOK_EVERY_MS = 200;

export const user: UserSide = async (service) => {
  const log = new Log(service.database);
  const accounts = participant(service, {
    async try(tx, request) {
      const sql = `update account set balance = balance - $2, frozen = frozen + $2
        where customer_id = $1 and balance >= $2`;
      const { rowCount } = await tx.query(sql, [request.customerId, request.amount]);
      if (rowCount !== 1) throw new Rejected('NO_MONEY');
      await recordPurchase(tx, request, 'pending');
    },
    async confirm(tx, { purchaseId, customerId, amount }) {
      await tx.query('update account set frozen = frozen - $2 where customer_id = $1', [customerId, amount]);
      await settle(tx, purchaseId, 'completed');
    },
    async cancel(tx, { purchaseId, customerId, amount }) {
      const sql = 'update account set frozen = frozen - $2, balance = balance + $2 where customer_id = $1';
      await tx.query(sql, [customerId, amount]);
      await settle(tx, purchaseId, 'rejected');
    },
  });

  async function buy(request: PurchaseRequest): Promise<Answer> {
    await log.begin(request);
    await service.step('after-log');
    const tried = await tryBoth(request).then(
      () => true,
      () => false, // a no, or no answer in time
    );
    const state = await log.decide(request.purchaseId, tried ? 'confirming' : 'cancelling');
    await service.step('after-decision');
    await secondPhase(request, state).catch(() => undefined); // what is decided will be done: by the recovery, if not now
    return state === 'confirming' ? 'completed' : 'rejected';
  }

  async function tryBoth(request: PurchaseRequest): Promise<void> {
    await accounts('try', request);
    await service.step('after-try-user');
    await call(service.peerUrl, 'try', request);
    await service.step('after-try-order');
  }

  async function secondPhase(request: PurchaseRequest, state: 'confirming' | 'cancelling'): Promise<void> {
    const op = state === 'confirming' ? 'confirm' : 'cancel';
    await accounts(op, request);
    await service.step(`after-${op}-user`);
    await call(service.peerUrl, op, request);
    await log.end(request.purchaseId);
  }

  /** Of transactions that nobody has ended for a while: without a decision they are cancelled. */
  async function recover(patienceMs?: number): Promise<void> {
    for (const request of await log.unfinished(patienceMs)) {
      const state = await log.decide(request.purchaseId, 'cancelling');
      await secondPhase(request, state).catch(() => undefined); // next time
    }
  }

  // What an earlier life of this process left: before anything of this life is begun, which it would take for that.
  await recover(0).catch(() => undefined);
  let stopped = false;
  const recovery = (async () => {
    while (!stopped) {
      await sleep(LOOK_EVERY_MS);
      await recover().catch(() => undefined);
    }
  })();
  return {
    buy,
    stop() {
      stopped = true;
      return recovery;
    },
  };
};
