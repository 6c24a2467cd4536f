import { Injectable } from '@nestjs/common';
import { Transactions } from '@tallystick/outbox';

export type Step = 'handle' | 'accept' | 'compensate';

/** Fails on command, and keeps count outside of the transaction, where a rollback does not undo it. */
@Injectable()
export class Failures {
  constructor(private readonly transactions: Transactions) {}

  /** @throws Error the first `times` times it is asked about this purchase and step */
  async perhaps(purchaseId: string, step: Step, times = 0): Promise<void> {
    if (times === 0) return;
    // Two copies at once may both count the same failures: then there is one more, never one less.
    const [{ failures }] = await this.transactions.outside(() =>
      this.transactions.dataSource.query(
        `with found as (select count(*)::int as failures from failure where purchase_id = $1 and step = $2),
              noted as (insert into failure (purchase_id, step) select $1, $2 from found where failures < $3)
         select failures from found`,
        [purchaseId, step, times],
      ),
    );
    if (failures < times) throw new Error(`Commanded to fail: ${step}, ${failures + 1} of ${times}`);
  }
}
