import { until } from '@tallystick/services';
import type { ConfirmChannel, GetMessage } from 'amqplib';
import type { Pool } from 'pg';
import type { Terminal } from '../report/terminal';
import { Died, type Outbox } from './outbox';
import type { Ending } from './stories';

type Does = (shop: Outbox) => Promise<void>;

const BEFORE = 100;
const PRICE = 10;

/** Where a story is played: one step after another, and after each what both databases and the broker hold. */
export class Stage {
  private steps = 0;
  private held?: GetMessage;

  constructor(
    private readonly shop: Outbox,
    private readonly user: Pool,
    private readonly order: Pool,
    private readonly channel: ConfirmChannel,
    private readonly terminal: Terminal,
  ) {}

  async step(what: string, does: Does): Promise<void> {
    await does(this.shop);
    await this.tell(what);
  }

  /** @throws Error if nobody dies there */
  async dies(point: NonNullable<Outbox['diesAt']>, what: string, does: Does): Promise<void> {
    this.shop.diesAt = point;
    const waiting = await this.waiting('orders');
    const died = await does(this.shop).then(
      () => false,
      (error: unknown) => {
        if (error instanceof Died) return true;
        throw error;
      },
    );
    if (!died) throw new Error(`Nobody died at ${point}.`);
    await this.isBack(waiting);
    await this.tell(what);
  }

  /** Every lease has run out. */
  async later(what: string, does: Does): Promise<void> {
    await this.user.query('update outbox set next_at = now() where next_at is not null');
    await this.step(what, does);
  }

  async lose(what: string): Promise<void> {
    await this.channel.purgeQueue('orders');
    await this.tell(what);
  }

  async fill(what: string): Promise<void> {
    await this.order.query('update stock set quantity = quantity + 1 where quantity = 0');
    await this.tell(what);
  }

  async hold(what: string): Promise<void> {
    const message = await this.channel.get('orders');
    if (!message) throw new Error('There is no message to hold.');
    this.held = message;
    await this.tell(what);
  }

  async letGo(what: string, does: Does): Promise<void> {
    const waiting = await this.waiting('orders');
    this.channel.nack(this.held!);
    await this.isBack(waiting + 1);
    await this.step(what, does);
  }

  /** What one who knows both databases says of it. */
  async ending(): Promise<Ending> {
    const { balance, orders, open } = await this.look();
    const sum = balance + orders * PRICE;
    if (sum !== BEFORE) return sum < BEFORE ? 'money lost' : 'money made';
    return open ? 'stuck' : 'consistent';
  }

  private async tell(what: string): Promise<void> {
    const { balance, outbox, orders, inbox, queued } = await this.look();
    this.steps += 1;
    this.terminal.say(`  ${this.steps}. ${what}`);
    this.terminal.quiet(
      `       balance ${balance} · outbox ${outbox} | orders ${orders} · inbox ${inbox} | messages ${queued.orders} · receipts ${queued.receipts}`,
    );
  }

  private async look() {
    const account = await this.user.query<{ balance: number }>('select balance from account');
    const outbox = await this.user.query<{ state: string }>('select state from outbox');
    const orders = await this.order.query('select from orders');
    const inbox = await this.order.query<{ verdict: string }>('select verdict from inbox');
    return {
      balance: account.rows[0]!.balance,
      outbox: outbox.rows[0]?.state ?? '–',
      open: outbox.rows.some(({ state }) => state !== 'completed' && state !== 'compensated'),
      orders: orders.rowCount!,
      inbox: inbox.rows[0]?.verdict ?? '–',
      queued: {
        orders: await this.waiting('orders'),
        receipts: await this.waiting('receipts'),
      },
    };
  }

  private async waiting(queue: string): Promise<number> {
    return (await this.channel.checkQueue(queue)).messageCount;
  }

  /** Who asks a queue how long it is may be answered before what he has given back is in it. */
  private async isBack(waiting: number): Promise<void> {
    await until('the broker has it back', async () => (await this.waiting('orders')) === waiting);
  }
}
