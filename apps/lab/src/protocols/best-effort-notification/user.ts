import { setTimeout as sleep } from 'node:timers/promises';
import { debit, recordPurchase, refund, settle } from '../../business/accounts';
import type { PurchaseRequest } from '../../business/purchase';
import { call, serve } from '../../service/calls';
import type { UserSide } from '../../service/context';
import { transaction } from '../../service/database';
import type { Verdict } from './order';

/** When it is tried again, after which it gives up. Elsewhere these are minutes and hours. */
const SCHEDULE_MS = [100, 200, 400];
const LOOK_EVERY_MS = 50;

export interface VerdictOf {
  readonly request: PurchaseRequest;
  readonly verdict: Verdict;
}

export const user: UserSide = async (service) => {
  const { database } = service;

  /** Can come twice, over two ways. */
  async function take({ request, verdict }: VerdictOf): Promise<void> {
    await transaction(database, async (tx) => {
      const first = await settle(tx, request.purchaseId, verdict);
      if (first && verdict === 'rejected') await refund(tx, request);
      await tx.query('delete from notification where purchase_id = $1', [request.purchaseId]);
    });
    await service.step('after-settle');
    service.settled(request.purchaseId);
  }

  /** The next attempt is written down before this one begins, in case it is the last thing this process does. */
  async function notify(request: PurchaseRequest, attempts: number): Promise<void> {
    const sql = `update notification set attempts = $2 + 1, next_at = clock_timestamp() + $3 * interval '1 ms'
      where purchase_id = $1 and attempts = $2`;
    const { rowCount } = await database.query(sql, [request.purchaseId, attempts, SCHEDULE_MS[attempts] ?? null]);
    if (rowCount !== 1) return; // somebody else does it
    const verdict = await call<Verdict>(service.peerUrl, 'order', request).catch(() => undefined);
    if (verdict) await take({ request, verdict });
  }

  async function notifyDue(): Promise<void> {
    const { rows } = await database.query<{ request: PurchaseRequest; attempts: number }>(
      'select request, attempts from notification where next_at <= clock_timestamp() order by next_at limit 100',
    );
    for (const { request, attempts } of rows) await notify(request, attempts);
  }

  let stopped = false;
  const notifier = (async () => {
    while (!stopped) {
      await notifyDue().catch(() => undefined);
      await sleep(LOOK_EVERY_MS);
    }
  })();
  const server = await serve(service.port, {
    /** For whoever fears to have missed something. */
    async pending() {
      const sql = `select id as "purchaseId", customer_id as "customerId", sku, amount::int from purchase
        where status = 'pending' order by id limit 100`;
      return (await database.query<PurchaseRequest>(sql)).rows;
    },
    verdict: take,
  });

  return {
    async buy(request) {
      await transaction(database, async (tx) => {
        await debit(tx, request);
        await recordPurchase(tx, request, 'pending');
        await tx.query('insert into notification (purchase_id, request) values ($1, $2)', [
          request.purchaseId,
          request,
        ]);
      });
      await service.step('after-debit');
      void notify(request, 0).catch(() => undefined); // at once; the schedule is for when this fails
      return 'accepted';
    },
    async stop() {
      stopped = true;
      await Promise.all([notifier, server.stop()]);
    },
  };
};
