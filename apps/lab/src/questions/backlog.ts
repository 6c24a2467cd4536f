import { until } from '@tallystick/services';
import type { Bench } from '../world/bench';
import type { Answer, Question } from './question';

const BACKLOG = 1_000;

/** A consumer is slow, messages pile up, and somebody starts another one to help. */
export const backlog: Question = {
  name: 'backlog',
  title: `${BACKLOG} messages wait, one consumer is stuck, and another one comes to help`,
  ask: async (bench) => [await withPrefetch(bench, 0), await withPrefetch(bench, 30)],
};

async function withPrefetch(bench: Bench, prefetch: number): Promise<Answer> {
  const queue = `prefetch-${prefetch}`;
  const held = prefetch === 0 ? BACKLOG : prefetch;
  const sender = await (await bench.connect()).createConfirmChannel();
  await sender.assertQueue(queue, { durable: true });
  for (let n = 0; n < BACKLOG; n += 1) sender.sendToQueue(queue, Buffer.from(String(n)), { persistent: true });
  await sender.waitForConfirms();

  const stuck = await bench.connect();
  const old = await stuck.createChannel();
  await old.prefetch(prefetch);
  let hoarded = 0;
  await old.consume(queue, () => (hoarded += 1)); // and never an ack
  await until('the stuck one has what it takes', async () => hoarded === held);

  const helper = await (await bench.connect()).createChannel();
  await helper.prefetch(30);
  let done = 0;
  await helper.consume(queue, (message) => {
    done += 1;
    helper.ack(message!);
  });
  await until('the queue is empty', async () => (await sender.checkQueue(queue)).messageCount === 0);
  await until('the helper has done the rest', async () => done === BACKLOG - held);
  const helped = done;
  await stuck.close();
  await until('all are done', async () => done === BACKLOG);

  return {
    row: {
      'prefetch of the stuck one': prefetch === 0 ? '0 (no limit)' : String(prefetch),
      'it holds': String(hoarded),
      'left for the helper': String(helped),
      'done when the stuck one is gone': String(done),
    },
    asExpected: hoarded === held && helped === BACKLOG - held,
  };
}
