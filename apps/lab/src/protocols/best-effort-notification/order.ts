import { setTimeout as sleep } from 'node:timers/promises';
import { createOrder } from '../../business/orders';
import { type PurchaseRequest, Rejected } from '../../business/purchase';
import { call, serve } from '../../service/calls';
import type { OrderSide } from '../../service/context';
import { type Sql, transaction } from '../../service/database';
import type { VerdictOf } from './user';

export type Verdict = 'completed' | 'rejected';

/** Elsewhere once a night. */
const RECONCILE_EVERY_MS = 1_000;

export const order: OrderSide = async (service) => {
  const { database } = service;

  /** What was said once is said again: also a no, should there be pieces by then. */
  async function decide(request: PurchaseRequest): Promise<Verdict> {
    const yes = (): Promise<Verdict> => kept(request, 'completed', (tx) => createOrder(tx, request));
    const verdict = await yes().catch((error: Error) => {
      if (error instanceof Rejected) return kept(request, 'rejected', async () => {});
      throw error;
    });
    await service.step('after-order');
    return verdict;
  }

  /** The first verdict is kept, with what belongs to it; a twin waits at the insert, and then knows. */
  function kept(request: PurchaseRequest, verdict: Verdict, work: (tx: Sql) => Promise<void>): Promise<Verdict> {
    return transaction(database, async (tx) => {
      const insert = 'insert into verdict (purchase_id, verdict) values ($1, $2) on conflict do nothing';
      if ((await tx.query(insert, [request.purchaseId, verdict])).rowCount === 1) {
        await work(tx);
        return verdict;
      }
      const sql = 'select verdict from verdict where purchase_id = $1';
      return (await tx.query(sql, [request.purchaseId])).rows[0]!.verdict as Verdict;
    });
  }

  /** Whatever is still pending over there: decide it, and say so. */
  async function reconcile(): Promise<void> {
    for (const request of await call<PurchaseRequest[]>(service.peerUrl, 'pending', {})) {
      await call(service.peerUrl, 'verdict', { request, verdict: await decide(request) } satisfies VerdictOf);
    }
  }

  let stopped = false;
  const reconciler = (async () => {
    while (!stopped && !service.without.has('reconciliation')) {
      await sleep(RECONCILE_EVERY_MS);
      await reconcile().catch(() => undefined);
    }
  })();
  const server = await serve(service.port, {
    async order(request: PurchaseRequest) {
      await service.step('before-order');
      return decide(request);
    },
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all([reconciler, server.stop()]);
    },
  };
};
