import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceProcess } from './service-process';
import type { Purchase, Shop } from './shop';
import type { Terminal } from './terminal';

/** A verdict should take milliseconds, and after a crash a few seconds. */
const PATIENCE_MS = 60_000;

/** Where the chapters are played: does what they say, tells what happened, and remembers what did not go as expected. */
export class Stage {
  /** Who was given how much, in cents. */
  readonly deposits = new Map<string, number>();
  /** Checks that failed. */
  failures = 0;
  /** Not the same in two runs, which may share databases and a broker. */
  private readonly sku = `tally-stick-${randomBytes(3).toString('hex')}`;

  constructor(
    private readonly shop: Shop,
    private readonly orderService: Pick<ServiceProcess, 'crash' | 'start'>,
    private readonly terminal: Terminal,
    private readonly signal: AbortSignal,
  ) {}

  async setUp(pieces: number): Promise<void> {
    await this.shop.setStock(this.sku, pieces);
    this.terminal.step(`PUT /stock/${this.sku} → ${pieces} pieces`);
  }

  async user(name: string, balance: number): Promise<string> {
    const id = await this.shop.createUser(name, balance);
    this.deposits.set(id, balance);
    this.terminal.step(`POST /users → ${name} has ${money(balance)}`);
    return id;
  }

  async balance(userId: string): Promise<number> {
    const balance = await this.shop.balance(userId);
    this.terminal.step(`GET /users/… → ${money(balance)}`);
    return balance;
  }

  /** @returns undefined if it was refused */
  async buy(
    userId: string,
    order: { quantity: number; amount: number },
    idempotencyKey?: string,
  ): Promise<Purchase | undefined> {
    const { status, body } = await this.shop.buy({ userId, sku: this.sku, ...order }, idempotencyKey);
    const accepted = status === 202;
    const result = accepted ? body.status : (body as { message?: string }).message;
    this.terminal.step(`POST /purchases: ${order.quantity} for ${money(order.amount)} → ${status} ${result}`);
    return accepted ? body : undefined;
  }

  /** @returns the purchase when it is no longer pending, or after a minute */
  async settled(purchase: Purchase | undefined): Promise<Purchase | undefined> {
    if (!purchase) return undefined;
    const begin = performance.now();
    const waited = (): number => Math.round(performance.now() - begin);
    let current = await this.shop.purchase(purchase.id);
    while (current.status === 'pending' && waited() < PATIENCE_MS) {
      await sleep(10, undefined, { signal: this.signal });
      current = await this.shop.purchase(purchase.id);
    }
    this.terminal.step(`GET /purchases/${purchase.id} → ${current.status} (after ${waited()} ms)`);
    return current;
  }

  async crashOrderService(): Promise<void> {
    await this.orderService.crash();
    this.terminal.step('order-service: SIGKILL');
  }

  async restartOrderService(): Promise<void> {
    await this.orderService.start();
    this.terminal.step('order-service: started again');
  }

  check(holds: boolean, claim: string): void {
    this.terminal.verdict(holds, claim);
    if (!holds) this.failures += 1;
  }
}

export function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
