import type { ConfirmChannel } from 'amqplib';
import type { Bench } from '../world/bench';
import type { Answer, Question } from './question';

const BACKLOG = 100;
const DIES_AT = 50;

/** What a shovel does, in the two orders in which it can be done. */
const WAYS = {
  'published, confirmed, then acknowledged': true,
  'acknowledged, then published': false,
} as const;

/** Nobody can do them today: they are set aside, what is new goes first, and they come back. */
export const parkAndRestore: Question = {
  name: 'park-and-restore',
  title: `${BACKLOG} messages that nobody can do today are set aside, and whoever moves them dies at the ${DIES_AT}th`,
  async ask(bench) {
    const answers: Answer[] = [];
    for (const [way, confirmFirst] of Object.entries(WAYS)) answers.push(await setAside(bench, way, confirmFirst));
    return answers;
  },
};

async function setAside(bench: Bench, way: string, confirmFirst: boolean): Promise<Answer> {
  const [queue, aside] = [`orders-${confirmFirst}`, `orders-${confirmFirst}-aside`];
  const channel = await (await bench.connect()).createConfirmChannel();
  for (const name of [queue, aside]) await channel.assertQueue(name, { durable: true });
  for (let n = 1; n <= BACKLOG; n += 1) await send(channel, queue, `old ${n}`);

  await move(bench, queue, aside, confirmFirst, DIES_AT);
  await move(bench, queue, aside, confirmFirst); // started again
  const { messageCount } = await channel.checkQueue(aside);
  await send(channel, queue, 'new');
  const [first] = await takeAll(channel, queue);
  await move(bench, aside, queue, confirmFirst); // when the reason is gone
  const back = await takeAll(channel, queue);

  const lost = BACKLOG - new Set(back).size;
  const twice = back.length - new Set(back).size;
  return {
    row: {
      'each is': way,
      'set aside': String(messageCount),
      'handled first': first!,
      'come back': String(back.length),
      lost: String(lost),
      twice: String(twice),
    },
    asExpected: first === 'new' && (confirmFirst ? lost === 0 && twice === 1 : lost === 1 && twice === 0),
  };
}

/** @param diesAt between the two halves of this one: its connection is gone, and what it has not acknowledged is put back */
async function move(
  bench: Bench,
  from: string,
  to: string,
  confirmFirst: boolean,
  diesAt = Number.POSITIVE_INFINITY,
): Promise<void> {
  const connection = await bench.connect();
  const channel = await connection.createConfirmChannel();
  for (let n = 1; ; n += 1) {
    const message = await channel.get(from);
    if (!message) break;
    const publish = (): Promise<void> => send(channel, to, String(message.content));
    const acknowledge = async (): Promise<void> => {
      channel.ack(message);
      await channel.checkQueue(from); // an ack is not answered: what is answered after it has passed it
    };
    const [one, other] = confirmFirst ? [publish, acknowledge] : [acknowledge, publish];
    await one();
    if (n === diesAt) break;
    await other();
  }
  await connection.close();
}

async function send(channel: ConfirmChannel, queue: string, text: string): Promise<void> {
  channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
  await channel.waitForConfirms();
}

async function takeAll(channel: ConfirmChannel, queue: string): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return taken;
    taken.push(String(message.content));
  }
}
