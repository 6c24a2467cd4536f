import { randomUUID } from 'node:crypto';
import type { ConfirmChannel } from 'amqplib';
import type { Pool } from 'pg';
import { type Sql, transaction } from '../service/database';

export const USER_TABLES = `
  create table account (name text primary key, balance int not null check (balance >= 0));
  create table outbox (id uuid primary key, sku text not null, state text not null, next_at timestamptz default now());
  insert into account values ('ada', 100)`;
export const ORDER_TABLES = `
  create table stock (sku text primary key, quantity int not null check (quantity >= 0));
  create table orders (number serial primary key, purchase uuid not null, sku text not null);
  create table inbox (id uuid primary key, verdict text not null);
  insert into stock values ('stick', 10), ('moonstone', 0)`;

/** What the outbox keeps to. Each can be left out, to see what it is good for. */
export const RULES = {
  'one-transaction': 'debit and message commit together',
  resend: 'what was sent is sent again until its receipt is here',
  inbox: 'who gets a message twice handles it once',
  replay: 'a copy is answered with the verdict of the first',
  'stored-no': 'a no is stored like a yes',
  guard: 'a receipt closes a row that is open, or does nothing',
  'ask-first': 'who has waited for too long asks to give up, and the other side decides',
  'stored-cancel': 'a cancel that finds nothing is stored as a no',
} as const;
export type Rule = keyof typeof RULES;

interface Message {
  readonly id: string;
  readonly sku: string;
  /** Do not do it, if you have not done it yet. */
  readonly cancel: boolean;
}
interface Receipt {
  readonly id: string;
  readonly verdict: 'accepted' | 'rejected';
}

/** Thrown where a process dies: what it had not committed is undone, what it had not acknowledged comes again. */
export class Died extends Error {}

const OPEN = "state in ('pending', 'sent', 'cancelling')";
const PRICE = 10;

/** A transactional outbox with receipts, by hand: both services, one method for each thing that happens. */
export class Outbox {
  /** Where the process dies next, once. */
  diesAt?: 'after-debit' | 'after-order-commit' | 'before-ack';

  constructor(
    private readonly user: Pool,
    private readonly order: Pool,
    private readonly channel: ConfirmChannel,
    private readonly without?: Rule,
  ) {}

  /** user-service: the debit and the message. */
  async buy(sku: string): Promise<void> {
    const work = async (tx: Sql): Promise<void> => {
      const paid = await tx.query('update account set balance = balance - $1 where balance >= $1', [PRICE]);
      if (paid.rowCount === 0) throw new Error('INSUFFICIENT_FUNDS');
      this.mayDie('after-debit');
      await tx.query(`insert into outbox values ($1, $2, 'pending')`, [randomUUID(), sku]);
    };
    await (this.without === 'one-transaction' ? work(this.user) : transaction(this.user, work));
  }

  /** user-service: sends what is due. A row is leased, not marked: if this process dies, it is due again in a minute. */
  async relay(): Promise<void> {
    const due = this.without === 'resend' ? "state = 'pending'" : OPEN;
    const { rows } = await this.user.query<{ id: string; sku: string; state: string }>(
      `update outbox set next_at = now() + interval '1 minute'
        where id in (select id from outbox where ${due} and next_at <= now() for update skip locked)
       returning id, sku, state`,
    );
    for (const { id, sku, state } of rows) {
      await this.publish('orders', { id, sku, cancel: state === 'cancelling' } satisfies Message);
      await this.user.query(`update outbox set state = 'sent' where id = $1 and state = 'pending'`, [id]);
    }
  }

  /** order-service: takes one message. Verdict and effect commit together; then the receipt, then the ack. */
  receive(): Promise<void> {
    return this.take<Message>('orders', async (message) => {
      const verdict = await transaction(this.order, (tx) => this.decide(tx, message));
      this.mayDie('after-order-commit');
      if (verdict) await this.publish('receipts', { id: message.id, verdict } satisfies Receipt);
      this.mayDie('before-ack');
    });
  }

  /** user-service: takes one receipt. Closing the row and giving the money back commit together. */
  settle(): Promise<void> {
    return this.take<Receipt>('receipts', ({ id, verdict }) =>
      transaction(this.user, (tx) => this.close(tx, `id = '${id}'`, verdict)),
    );
  }

  /** user-service: the purchase has waited for too long. */
  async giveUp(): Promise<void> {
    if (this.without === 'ask-first') return transaction(this.user, (tx) => this.close(tx, 'true', 'rejected'));
    await this.user.query(`update outbox set state = 'cancelling', next_at = now() where ${OPEN}`);
  }

  private async decide(tx: Sql, { id, sku, cancel }: Message): Promise<Receipt['verdict'] | undefined> {
    const keep = this.without !== 'inbox' && !(cancel && this.without === 'stored-cancel');
    if (keep) {
      // Waits for a twin that is under way, and then knows what became of it. A `select` before it would not.
      const first = await tx.query(`insert into inbox values ($1, 'accepted') on conflict do nothing`, [id]);
      if (first.rowCount === 0) {
        if (this.without === 'replay') return undefined;
        return (await tx.query('select verdict from inbox where id = $1', [id])).rows[0].verdict;
      }
    }
    if (!cancel && (await this.takePiece(tx, sku))) {
      await tx.query('insert into orders (purchase, sku) values ($1, $2)', [id, sku]);
      return 'accepted';
    }
    if (this.without === 'stored-no' && !cancel) await tx.query('delete from inbox where id = $1', [id]);
    else await tx.query(`update inbox set verdict = 'rejected' where id = $1`, [id]);
    return 'rejected';
  }

  private async takePiece(tx: Sql, sku: string): Promise<boolean> {
    const taken = await tx.query('update stock set quantity = quantity - 1 where sku = $1 and quantity >= 1', [sku]);
    return taken.rowCount === 1;
  }

  private async close(tx: Sql, which: string, verdict: Receipt['verdict']): Promise<void> {
    const open = this.without === 'guard' ? 'true' : OPEN;
    const state = verdict === 'accepted' ? 'completed' : 'compensated';
    const closed = await tx.query(`update outbox set state = $1, next_at = null where ${which} and ${open}`, [state]);
    if (closed.rowCount === 0 || verdict === 'accepted') return;
    await tx.query('update account set balance = balance + $1', [PRICE]);
  }

  private async publish(queue: string, message: object): Promise<void> {
    this.channel.sendToQueue(queue, Buffer.from(JSON.stringify(message)), { persistent: true });
    await this.channel.waitForConfirms();
  }

  private async take<T>(queue: string, work: (message: T) => Promise<void>): Promise<void> {
    const copy = await this.channel.get(queue);
    if (!copy) return;
    try {
      await work(JSON.parse(String(copy.content)) as T);
      this.channel.ack(copy);
    } catch (error) {
      this.channel.nack(copy); // what the broker does when the process that has it is gone
      throw error;
    }
  }

  private mayDie(point: NonNullable<Outbox['diesAt']>): void {
    if (this.diesAt !== point) return;
    this.diesAt = undefined;
    throw new Died(point);
  }
}
