import type { Sql } from '../../service/database';

export const BARRIER_TABLE = `
  create table barrier (
    purchase_id uuid,
    op text,
    primary key (purchase_id, op)
  );
`;

export type Op = 'try' | 'confirm' | 'cancel';

/**
 * In the transaction of a branch, before its business: may it do it?
 * - repeated: each op inserts its row, the second one finds it
 * - *empty rollback*: a cancel inserts the row of the try, too; if that was not there, there is nothing to undo
 * - *hanging*: and now it is there, so the try that comes late does nothing
 *
 * Nothing is looked up and then done: an insert waits for the twin that is under way, and then knows.
 */
export async function passes(tx: Sql, purchaseId: string, op: Op): Promise<boolean> {
  const neverTried = op === 'cancel' && (await isFirst(tx, purchaseId, 'try'));
  return (await isFirst(tx, purchaseId, op)) && !neverTried;
}

async function isFirst(tx: Sql, purchaseId: string, op: Op): Promise<boolean> {
  const sql = 'insert into barrier (purchase_id, op) values ($1, $2) on conflict do nothing';
  return (await tx.query(sql, [purchaseId, op])).rowCount === 1;
}
