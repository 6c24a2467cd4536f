import type { Pool } from 'pg';
import type { PurchaseRequest } from '../../business/purchase';

/** A transaction that is not ended after so long is taken up by the recovery. */
const PATIENCE_MS = 2_000;

type Decided = 'confirming' | 'cancelling';

/** What the coordinator writes down: trying → confirming | cancelling → done. */
export class Log {
  constructor(private readonly database: Pool) {}

  /** Before anything is tried: so that a crash after a try is cancelled, too. */
  async begin(request: PurchaseRequest): Promise<void> {
    const sql = `insert into tcc (purchase_id, state, request) values ($1, 'trying', $2)`;
    await this.database.query(sql, [request.purchaseId, request]);
  }

  /** Decides once. @returns what was decided: not always what was proposed */
  async decide(purchaseId: string, proposed: Decided): Promise<Decided> {
    const update = `update tcc set state = $2 where purchase_id = $1 and state = 'trying'`;
    if ((await this.database.query(update, [purchaseId, proposed])).rowCount === 1) return proposed;
    const select = 'select state from tcc where purchase_id = $1';
    const { rows } = await this.database.query<{ state: Decided | 'done' }>(select, [purchaseId]);
    const { state } = rows[0]!;
    if (state === 'done') throw new Error(`${purchaseId} was decided and done by somebody else.`);
    return state;
  }

  async end(purchaseId: string): Promise<void> {
    await this.database.query(`update tcc set state = 'done' where purchase_id = $1`, [purchaseId]);
  }

  async unfinished(patienceMs = PATIENCE_MS): Promise<PurchaseRequest[]> {
    const sql = `select request from tcc
      where state <> 'done' and begun_at <= clock_timestamp() - $1 * interval '1 ms' order by begun_at`;
    const { rows } = await this.database.query<{ request: PurchaseRequest }>(sql, [patienceMs]);
    return rows.map(({ request }) => request);
  }
}
