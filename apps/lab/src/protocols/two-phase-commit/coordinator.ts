import type { Pool } from 'pg';

export type Decision = 'commit' | 'rollback';

/**
 * Decides once. The first row for a transaction is its decision, whoever writes it: the coordinator that got all
 * promises, or somebody who found a promise and no decision. So a coordinator that stood still and comes back cannot
 * commit what was given up meanwhile. A promise without a decision is given up by whoever asks: that is *presumed abort*.
 */
export class Coordinator {
  /** @param forgetful writes down no "commit": to see what that is good for */
  constructor(
    private readonly database: Pool,
    private readonly forgetful: boolean,
  ) {}

  /** @returns what was decided: not always what was proposed */
  async decide(transactionId: string, proposed: Decision): Promise<Decision> {
    if (this.forgetful && proposed === 'commit') return proposed;
    const insert = 'insert into decision (transaction_id, decision) values ($1, $2) on conflict do nothing';
    await this.database.query(insert, [transactionId, proposed]);
    const select = 'select decision from decision where transaction_id = $1';
    const { rows } = await this.database.query<{ decision: Decision }>(select, [transactionId]);
    return rows[0]!.decision;
  }
}
