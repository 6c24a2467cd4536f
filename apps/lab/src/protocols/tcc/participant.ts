import type { PurchaseRequest } from '../../business/purchase';
import type { ServiceContext } from '../../service/context';
import { type Sql, transaction } from '../../service/database';
import { type Op, passes } from './barrier';

type Business = (tx: Sql, request: PurchaseRequest) => Promise<void>;

/** One side of a TCC: three local transactions, each of which may come twice, late, or in the wrong order. */
export function participant(
  { database, without }: ServiceContext,
  business: Readonly<Record<Op, Business>>,
): (op: Op, request: PurchaseRequest) => Promise<void> {
  return (op, request) =>
    transaction(database, async (tx) => {
      if (without.has('barrier') || (await passes(tx, request.purchaseId, op))) await business[op](tx, request);
    });
}
