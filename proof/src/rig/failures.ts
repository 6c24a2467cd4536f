import { Injectable } from '@nestjs/common';
import { Transactions } from '@tallystick/outbox';
import { prepared } from './application';

export type Step = 'handle' | 'accept' | 'compensate';

/** Fails on command, and keeps count outside of the transaction, where a rollback does not undo it. */
@Injectable()
export class Failures {
  constructor(private readonly transactions: Transactions) {}

  /** @throws Error the first `times` times it is asked about this purchase and step */
  async perhaps(purchaseId: string, step: Step, times = 0): Promise<void> {
    if (times === 0) return;
    const failures = await this.transactions.outside(() => this.countAndNote(purchaseId, step, times));
    if (failures < times) throw new Error(`Commanded to fail: ${step}, ${failures + 1} of ${times}`);
  }
  /** Two copies at once may both count the same failures: then there is one more, never one less. */
  private async countAndNote(purchaseId: string, step: Step, times: number): Promise<number> {
    const { dataSource } = this.transactions;
    const [row] = await dataSource.query<[{ failures: string }]>(
      prepared('select count(*) as failures from failure where purchase_id = ? and step = ?'),
      [purchaseId, step],
    );
    const failures = Number(row.failures);
    if (failures < times)
      await dataSource.query(prepared('insert into failure (purchase_id, step) values (?, ?)'), [purchaseId, step]);
    return failures;
  }
}
