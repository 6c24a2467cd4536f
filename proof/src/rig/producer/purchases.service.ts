import { Injectable } from '@nestjs/common';
import { Compensate, type ContractClass, OnAccepted, Outbox, Transactional, Transactions } from '@tallystick/outbox';
import { marks } from '@tallystick/services';
import { prepared } from '../application';
import {
  PurchaseElsewhere,
  PurchaseInLine,
  PurchaseMade,
  PurchaseNoted,
  PurchaseNotedInLine,
  PurchaseUnheard,
  type Script,
} from '../contract';
import { Failures } from '../failures';

/** Debit and message in one transaction; completion or refund when the verdict is there. */
@Injectable()
export class PurchasesService {
  constructor(
    private readonly outbox: Outbox,
    private readonly transactions: Transactions,
    private readonly failures: Failures,
  ) {}

  async openAccount(id: string, balance: number): Promise<void> {
    await this.query('insert into account (id, deposited, balance) values (?, ?, ?)', [id, balance, balance]);
  }

  /**
   * Records purchases, all of one account and one type, in one transaction.
   * @returns the ids of their messages, in the same order
   */
  @Transactional()
  async record(purchases: readonly PurchaseMade[]): Promise<string[]> {
    const { accountId, script } = purchases[0]!;
    const total = purchases.reduce((sum, { amount }) => sum + amount, 0);
    await this.query('update account set balance = balance - ? where id = ?', [total, accountId]);
    const messages = await this.outbox.addAll(contractFor(script), purchases);
    await this.insert(
      'insert into purchase (id, account_id, amount, message_id) values',
      purchases.map(({ purchaseId, amount }, index) => [purchaseId, accountId, amount, messages[index]!.id]),
    );
    await this.insert(
      'insert into movement (purchase_id, account_id, kind, amount) values',
      purchases.map(({ purchaseId, amount }) => [purchaseId, accountId, 'debit', amount]),
    );
    return messages.map(({ id }) => id);
  }

  @OnAccepted(PurchaseMade)
  @OnAccepted(PurchaseUnheard)
  @OnAccepted(PurchaseElsewhere)
  @OnAccepted(PurchaseInLine)
  async complete(purchase: PurchaseMade): Promise<void> {
    await this.move(purchase, 'completion', 'completed');
    await this.failures.perhaps(purchase.purchaseId, 'accept', purchase.script.acceptFailTimes);
  }

  @Compensate(PurchaseMade)
  @Compensate(PurchaseUnheard)
  @Compensate(PurchaseElsewhere)
  @Compensate(PurchaseInLine)
  async refund(purchase: PurchaseMade): Promise<void> {
    await this.query('update account set balance = balance + ? where id = ?', [purchase.amount, purchase.accountId]);
    await this.move(purchase, 'refund', 'refunded');
    await this.failures.perhaps(purchase.purchaseId, 'compensate', purchase.script.compensateFailTimes);
  }

  private async move({ purchaseId, accountId, amount }: PurchaseMade, kind: string, status: string): Promise<void> {
    await this.query('update purchase set status = ? where id = ?', [status, purchaseId]);
    await this.insert('insert into movement (purchase_id, account_id, kind, amount) values', [
      [purchaseId, accountId, kind, amount],
    ]);
  }

  private insert(sql: string, rows: readonly (readonly unknown[])[]): Promise<unknown> {
    return this.query(`${sql} ${rows.map((row) => `(${marks(row)})`).join(', ')}`, rows.flat());
  }

  private query(sql: string, parameters: unknown[]): Promise<unknown> {
    return this.transactions.manager().query(prepared(sql), parameters);
  }
}

function contractFor({ poison, noFollowUp, inLine, elsewhere }: Script): ContractClass<PurchaseMade> {
  if (inLine) return noFollowUp ? PurchaseNotedInLine : PurchaseInLine;
  if (elsewhere) return PurchaseElsewhere;
  if (poison === 'unknown-type') return PurchaseUnheard;
  return noFollowUp ? PurchaseNoted : PurchaseMade;
}
