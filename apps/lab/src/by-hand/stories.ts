import type { Rule } from './outbox';
import type { Stage } from './stage';

export type Ending = 'consistent' | 'money lost' | 'money made' | 'stuck';

/** Something that goes wrong, and the rule without which it ends badly. */
export interface Story {
  readonly rule: Rule;
  readonly title: string;
  /** How it ends without the rule. */
  readonly without: Exclude<Ending, 'consistent'>;
  play(stage: Stage): Promise<void>;
}

export const STORIES: readonly Story[] = [
  {
    rule: 'one-transaction',
    title: 'user-service dies between the debit and the message',
    without: 'money lost',
    async play(stage) {
      await stage.dies('after-debit', 'Ada buys; user-service dies after the debit', (shop) => shop.buy('stick'));
      await stage.step('started again, user-service sends what is due', (shop) => shop.relay());
      await stage.step('order-service takes what is there', (shop) => shop.receive());
    },
  },
  {
    rule: 'resend',
    title: 'the broker loses the message',
    without: 'money lost',
    async play(stage) {
      await stage.step('Ada buys', (shop) => shop.buy('stick'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.lose('the broker loses the message');
      await stage.later('a minute later: user-service sends what is due', (shop) => shop.relay());
      await stage.step('order-service takes what is there', (shop) => shop.receive());
      await stage.step('user-service takes the receipt', (shop) => shop.settle());
    },
  },
  {
    rule: 'inbox',
    title: 'order-service dies after its commit: the message comes twice',
    without: 'money made',
    async play(stage) {
      await stage.step('Ada buys', (shop) => shop.buy('stick'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.dies('after-order-commit', 'order-service takes it, commits, and dies', (shop) => shop.receive());
      await stage.step('started again, order-service takes it once more', (shop) => shop.receive());
      await stage.step('user-service takes the receipt', (shop) => shop.settle());
    },
  },
  {
    rule: 'replay',
    title: 'the receipt is lost',
    without: 'stuck',
    async play(stage) {
      await stage.step('Ada buys', (shop) => shop.buy('stick'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.dies('after-order-commit', 'order-service commits, and dies before its receipt', (shop) =>
        shop.receive(),
      );
      await stage.step('started again, order-service takes it once more', (shop) => shop.receive());
      await stage.later('a minute later: user-service sends what is due', (shop) => shop.relay());
      await stage.step('order-service takes what is there', (shop) => shop.receive());
      await stage.step('user-service takes a receipt, if there is one', (shop) => shop.settle());
      await stage.step('and another one', (shop) => shop.settle());
    },
  },
  {
    rule: 'stored-no',
    title: 'a no, and a copy that comes when the shelf is full again',
    without: 'money made',
    async play(stage) {
      await stage.step('Ada buys what is sold out', (shop) => shop.buy('moonstone'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.dies('before-ack', 'order-service says no, and dies before its ack', (shop) => shop.receive());
      await stage.fill('somebody fills the shelf');
      await stage.step('started again, order-service takes it once more', (shop) => shop.receive());
      await stage.step('user-service takes a receipt', (shop) => shop.settle());
      await stage.step('and another one', (shop) => shop.settle());
    },
  },
  {
    rule: 'guard',
    title: 'the receipt comes twice',
    without: 'money made',
    async play(stage) {
      await stage.step('Ada buys what is sold out', (shop) => shop.buy('moonstone'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.dies('before-ack', 'order-service says no, and dies before its ack', (shop) => shop.receive());
      await stage.step('started again, order-service takes it once more', (shop) => shop.receive());
      await stage.step('user-service takes a receipt', (shop) => shop.settle());
      await stage.step('and another one', (shop) => shop.settle());
    },
  },
  {
    rule: 'ask-first',
    title: 'the answer takes too long',
    without: 'money made',
    async play(stage) {
      await stage.step('Ada buys', (shop) => shop.buy('stick'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.step('nobody answers: user-service gives up', (shop) => shop.giveUp());
      await stage.step('user-service sends what is due', (shop) => shop.relay());
      await stage.step('order-service takes the message at last', (shop) => shop.receive());
      await stage.step('order-service takes what else is there', (shop) => shop.receive());
      await stage.step('user-service takes a receipt', (shop) => shop.settle());
      await stage.step('and another one', (shop) => shop.settle());
    },
  },
  {
    rule: 'stored-cancel',
    title: 'the cancel overtakes its message',
    without: 'money made',
    async play(stage) {
      await stage.step('Ada buys', (shop) => shop.buy('stick'));
      await stage.step('user-service sends', (shop) => shop.relay());
      await stage.hold('a process of order-service takes the message, and stands still');
      await stage.step('nobody answers: user-service asks to give up', (shop) => shop.giveUp());
      await stage.step('user-service sends the cancel', (shop) => shop.relay());
      await stage.step('another process of order-service takes the cancel', (shop) => shop.receive());
      await stage.step('user-service takes the receipt', (shop) => shop.settle());
      await stage.letGo('the first process dies: its message comes again', (shop) => shop.receive());
      await stage.step('user-service takes a receipt', (shop) => shop.settle());
    },
  },
];
