import { randomUUID } from 'node:crypto';
import type { Line } from './line';
import type { Stage } from './stage';
import type { Texts } from './texts';

type Chapters = Texts['chapters'];

/** One thing to see: its texts say what is expected, and then it happens. */
export interface Chapter {
  readonly name: keyof Chapters;
  readonly needsLine: boolean;
  play(stage: Stage, texts: Texts): Promise<void>;
}

function chapter<Name extends keyof Chapters>(
  name: Name,
  play: (stage: Stage, says: Chapters[Name]) => Promise<void>,
): Chapter {
  return { name, needsLine: false, play: (stage, texts) => play(stage, texts.chapters[name]) };
}

/** Needs a line that can be broken. */
function onTheLine<Name extends keyof Chapters>(
  name: Name,
  play: (stage: Stage, says: Chapters[Name], line: Line) => Promise<void>,
): Chapter {
  return { name, needsLine: true, play: (stage, texts) => play(stage, texts.chapters[name], stage.line!) };
}

export const CHAPTERS: readonly Chapter[] = [
  chapter('completes', async (stage, says) => {
    const ada = await stage.user('Ada', 100_00);
    const purchase = await stage.buy(ada, { quantity: 2, amount: 25_00 });
    stage.check(purchase?.status === 'pending', says.pending);
    const settled = await stage.settled(purchase);
    stage.check(settled?.status === 'completed' && settled.orderId !== undefined, says.completed(settled?.orderId));
    stage.check((await stage.balance(ada)) === 75_00, says.paidOnce);
  }),

  chapter('refused', async (stage, says) => {
    const bob = await stage.user('Bob', 10_00);
    const purchase = await stage.buy(bob, { quantity: 1, amount: 12_50 });
    stage.check(purchase === undefined, says.refused);
    stage.check((await stage.balance(bob)) === 10_00, says.nothing);
  }),

  chapter('refunded', async (stage, says) => {
    const cleo = await stage.user('Cleo', 500_00);
    const purchase = await stage.buy(cleo, { quantity: 1_000, amount: 450_00 });
    const settled = await stage.settled(purchase);
    stage.check(settled?.status === 'refunded' && settled.reason === 'OUT_OF_STOCK', says.refunded(settled?.reason));
    stage.check((await stage.balance(cleo)) === 500_00, says.back);
  }),

  chapter('killed', async (stage, says) => {
    const dora = await stage.user('Dora', 60_00);
    await stage.crashOrderService();
    const purchase = await stage.buy(dora, { quantity: 1, amount: 20_00 });
    stage.check(purchase?.status === 'pending', says.accepted);
    await stage.restartOrderService();
    const settled = await stage.settled(purchase);
    stage.check(settled?.status === 'completed', says.completed);
    stage.check((await stage.balance(dora)) === 40_00, says.paidOnce);
  }),

  onTheLine('receiptLost', async (stage, says, line) => {
    const fay = await stage.user('Fay', 50_00);
    const pieces = await stage.stock();
    await stage.mute(line);
    const purchase = await stage.buy(fay, { quantity: 1, amount: 20_00 });
    stage.check((await stage.ordered(purchase))?.status === 'pending', says.unknown);
    await stage.cut(line);
    stage.check((await stage.settled(purchase))?.status === 'completed', says.completed);
    stage.check((await stage.balance(fay)) === 30_00 && (await stage.stock()) === pieces - 1, says.soldOnce);
  }),

  chapter('sentTwice', async (stage, says) => {
    const emil = await stage.user('Emil', 80_00);
    const key = randomUUID();
    const first = await stage.buy(emil, { quantity: 1, amount: 30_00 }, key);
    const again = await stage.buy(emil, { quantity: 1, amount: 30_00 }, key);
    stage.check(first !== undefined && first.id === again?.id, says.same);
    const settled = await stage.settled(first);
    stage.check(settled?.status === 'completed', says.completed);
    stage.check((await stage.balance(emil)) === 50_00, says.paidOnce);
  }),

  // Not next to the other one: its purchase that was completed shows that order-service has found the line again.
  onTheLine('comesTwice', async (stage, says, line) => {
    const gus = await stage.user('Gus', 50_00);
    const pieces = await stage.stock();
    await stage.mute(line);
    const purchase = await stage.buy(gus, { quantity: 1, amount: 20_00 });
    const meanwhile = await stage.ordered(purchase);
    await stage.crashOrderService();
    stage.check(meanwhile?.status === 'pending', says.committed);
    await stage.cut(line);
    await stage.restartOrderService();
    stage.check((await stage.settled(purchase))?.status === 'completed', says.completed);
    stage.check((await stage.balance(gus)) === 30_00 && (await stage.stock()) === pieces - 1, says.soldOnce);
  }),
];
