import { randomUUID } from 'node:crypto';
import type { Stage } from './stage';

/** One thing to see: what is expected, and what then happens. */
export interface Chapter {
  readonly title: string;
  readonly expectation: string;
  play(stage: Stage): Promise<void>;
}

export const CHAPTERS: readonly Chapter[] = [
  {
    title: 'A purchase completes',
    expectation: 'the debit and the message commit together; order-service accepts; the purchase is completed',
    async play(stage) {
      const ada = await stage.user('Ada', 100_00);
      const purchase = await stage.buy(ada, { quantity: 2, amount: 25_00 });
      stage.check(purchase?.status === 'pending', 'accepted at once, with the order still to come');
      const settled = await stage.settled(purchase);
      stage.check(
        settled?.status === 'completed' && settled.orderId !== undefined,
        `completed, order ${settled?.orderId}`,
      );
      stage.check((await stage.balance(ada)) === 75_00, 'paid once');
    },
  },
  {
    title: 'A purchase that nobody can afford is refused',
    expectation: '409, and nothing is recorded: no debit, no message',
    async play(stage) {
      const bob = await stage.user('Bob', 10_00);
      const purchase = await stage.buy(bob, { quantity: 1, amount: 12_50 });
      stage.check(purchase === undefined, 'refused');
      stage.check((await stage.balance(bob)) === 10_00, 'nothing was debited');
    },
  },
  {
    title: 'A purchase that is out of stock is refunded',
    expectation: 'order-service rejects for good; the compensation gives the money back, once',
    async play(stage) {
      const cleo = await stage.user('Cleo', 500_00);
      const purchase = await stage.buy(cleo, { quantity: 1_000, amount: 450_00 });
      const settled = await stage.settled(purchase);
      stage.check(settled?.status === 'refunded' && settled.reason === 'OUT_OF_STOCK', `refunded: ${settled?.reason}`);
      stage.check((await stage.balance(cleo)) === 500_00, 'all the money is back');
    },
  },
  {
    title: 'order-service is killed in the middle of the day',
    expectation: 'purchases are still accepted; when order-service is back, they complete by themselves',
    async play(stage) {
      const dora = await stage.user('Dora', 60_00);
      await stage.crashOrderService();
      const purchase = await stage.buy(dora, { quantity: 1, amount: 20_00 });
      stage.check(purchase?.status === 'pending', 'accepted without order-service');
      await stage.restartOrderService();
      const settled = await stage.settled(purchase);
      stage.check(settled?.status === 'completed', 'completed, and nobody had to do anything');
      stage.check((await stage.balance(dora)) === 40_00, 'paid once');
    },
  },
  {
    title: 'A client sends the same purchase twice',
    expectation: 'the same Idempotency-Key means the same purchase: one debit, one order',
    async play(stage) {
      const emil = await stage.user('Emil', 80_00);
      const key = randomUUID();
      const first = await stage.buy(emil, { quantity: 1, amount: 30_00 }, key);
      const again = await stage.buy(emil, { quantity: 1, amount: 30_00 }, key);
      stage.check(first !== undefined && first.id === again?.id, 'the second answer is the first purchase');
      const settled = await stage.settled(first);
      stage.check(settled?.status === 'completed', 'completed');
      stage.check((await stage.balance(emil)) === 50_00, 'paid once');
    },
  },
];
