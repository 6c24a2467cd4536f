import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@tallystick/services';
import type { Line } from './line';
import { money } from './money';
import type { Rows } from './rows';
import type { ServiceProcess } from './service-process';
import type { Purchase, Shop } from './shop';
import type { Terminal } from './terminal';
import type { Texts } from './texts';

/** A verdict should take milliseconds, and after a crash a few seconds. */
const PATIENCE_MS = 60_000;

/** What a stage is built of. */
export interface Props {
  readonly shop: Shop;
  readonly rows: Rows;
  /** Filled in: who was given how much, in cents. */
  readonly deposits: Map<string, number>;
  readonly orderService: Pick<ServiceProcess, 'crash' | 'start'>;
  /** Absent where the demo cannot break it. */
  readonly line?: Line;
}

/**
 * Where the chapters are played: does what they say, tells what happened, and remembers what did not go as expected. Beside
 * each step stand the rows of the message, as they were right then.
 */
export class Stage {
  /** Checks that failed. */
  failures = 0;
  /** Not the same in two runs, which may share databases and a broker. */
  private readonly sku = `tally-stick-${randomBytes(3).toString('hex')}`;
  /** Of the purchase that is looked at. */
  private messageId?: string;

  constructor(
    private readonly props: Props,
    private readonly terminal: Terminal,
    private readonly texts: Texts,
    private readonly signal: AbortSignal,
  ) {}

  /** Undefined where the demo cannot break it. */
  get line(): Line | undefined {
    return this.props.line;
  }

  async setUp(pieces: number): Promise<void> {
    await this.props.shop.setStock(this.sku, pieces);
    await this.tell(this.texts.stock(this.sku, pieces));
    this.terminal.expectation(this.texts.legend);
  }

  async user(name: string, balance: number): Promise<string> {
    this.messageId = undefined;
    const id = await this.props.shop.createUser(name, balance);
    this.props.deposits.set(id, balance);
    await this.tell(this.texts.user(name, money(balance)));
    return id;
  }

  async balance(userId: string): Promise<number> {
    const balance = await this.props.shop.balance(userId);
    await this.tell(this.texts.balance(money(balance)));
    return balance;
  }

  /** @returns pieces */
  async stock(): Promise<number> {
    const pieces = await this.props.shop.stock(this.sku);
    await this.tell(this.texts.left(pieces));
    return pieces;
  }

  /** @returns undefined if it was refused */
  async buy(
    userId: string,
    order: { quantity: number; amount: number },
    idempotencyKey?: string,
  ): Promise<Purchase | undefined> {
    const { status, body } = await this.props.shop.buy({ userId, sku: this.sku, ...order }, idempotencyKey);
    const accepted = status === 202;
    const result = accepted ? body.status : (body as { message?: string }).message;
    this.messageId = accepted ? body.messageId : undefined;
    await this.tell(this.texts.buy(order.quantity, money(order.amount), status, result));
    return accepted ? body : undefined;
  }

  /** @returns the purchase when it is no longer pending, or after a minute */
  async settled(purchase: Purchase | undefined): Promise<Purchase | undefined> {
    if (!purchase) return undefined;
    const begin = performance.now();
    const waited = (): number => Math.round(performance.now() - begin);
    let current = await this.props.shop.purchase(purchase.id);
    while (current.status === 'pending' && waited() < PATIENCE_MS) {
      await sleep(10, undefined, { signal: this.signal });
      current = await this.props.shop.purchase(purchase.id);
    }
    await this.tell(this.texts.settled(current.status, waited()));
    return current;
  }

  /** Waits until order-service has committed the order. @returns the purchase, as user-service knows it then */
  async ordered(purchase: Purchase | undefined): Promise<Purchase | undefined> {
    if (!purchase) return undefined;
    await until('the order exists', () => this.props.shop.hasOrder(purchase.id), { timeoutMs: PATIENCE_MS });
    await this.tell(this.texts.ordered);
    return this.props.shop.purchase(purchase.id);
  }

  async crashOrderService(): Promise<void> {
    await this.props.orderService.crash();
    await this.tell(this.texts.killed);
  }

  async restartOrderService(): Promise<void> {
    await this.props.orderService.start();
    await this.tell(this.texts.restarted);
  }

  async mute(line: Line): Promise<void> {
    line.mute();
    await this.tell(this.texts.muted);
  }

  async cut(line: Line): Promise<void> {
    line.cut();
    await this.tell(this.texts.cut);
  }

  check(holds: boolean, claim: string): void {
    this.terminal.verdict(holds, claim);
    if (!holds) this.failures += 1;
  }

  private async tell(text: string): Promise<void> {
    const rows = this.messageId === undefined ? undefined : await this.props.rows.of(this.messageId);
    this.terminal.step(text, rows && `${rows.delivery} → ${rows.inbox}`);
  }
}
