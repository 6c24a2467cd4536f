import { type Cleanup, startRabbit, until } from '@tallystick/services';
import type { ChannelModel, ConfirmChannel, Options } from 'amqplib';
import { type Bench, connectedTo } from '../world/bench';
import type { Answer, Question } from './question';

const SENT = 100;
/** What a consumer has done when it dies, and what a short queue holds. */
const TEN = 10;
const BODY = Buffer.from('an order');

/** What the sender takes for sent, and what is or will be handled. */
interface Count {
  readonly believed: number;
  readonly handled: number;
}
interface Safeguard {
  readonly name: string;
  readonly mishap: string;
  readonly withIt: Count;
  readonly withoutIt: Count;
}

/** A message has three places to get lost: on its way to the broker, in the broker, on its way out. */
export const loss: Question = {
  name: 'loss',
  title: `Where messages get lost: ${SENT} are sent, with one safeguard and without it`,
  async ask(bench, cleanup) {
    return [
      await confirm(bench),
      await mandatory(bench),
      ...(await throughARestart(cleanup)),
      await manualAck(bench),
    ].map(answer);
  },
};

async function confirm(bench: Bench): Promise<Safeguard> {
  const connection = await bench.connect();
  const short = { durable: true, arguments: { 'x-max-length': TEN, 'x-overflow': 'reject-publish' } };
  const careful = await connection.createConfirmChannel();
  await careful.assertQueue('confirmed', short);
  const believed = await publishAll(careful, 'confirmed', { persistent: true });
  const careless = await connection.createChannel();
  await careless.assertQueue('unconfirmed', short);
  for (let n = 0; n < SENT; n += 1) careless.sendToQueue('unconfirmed', BODY, { persistent: true });
  await until('the queue is full', async () => (await waiting(careless, 'unconfirmed')) === TEN);
  return {
    name: 'publisher confirm',
    mishap: `the queue is full after ${TEN}`,
    withIt: { believed, handled: await waiting(careful, 'confirmed') },
    withoutIt: { believed: SENT, handled: await waiting(careless, 'unconfirmed') },
  };
}

async function mandatory(bench: Bench): Promise<Safeguard> {
  const channel = await (await bench.connect()).createConfirmChannel();
  let returned = 0;
  channel.on('return', () => (returned += 1));
  const unasked = await publishAll(channel, 'misspelt', { persistent: true });
  const confirmed = await publishAll(channel, 'misspelt', { persistent: true, mandatory: true });
  return {
    name: 'mandatory',
    mishap: 'there is no such queue',
    withIt: { believed: confirmed - returned, handled: 0 },
    withoutIt: { believed: unasked, handled: 0 },
  };
}

/** On a broker of its own: others would miss theirs. */
async function throughARestart(cleanup: Cleanup): Promise<Safeguard[]> {
  const rabbit = cleanup.stopLater(await startRabbit());
  const before = await (await connectedTo(rabbit.url, cleanup)).createConfirmChannel();
  await before.assertQueue('kept', { durable: true });
  await before.assertQueue('transient', { durable: true });
  await before.assertQueue('passing', { durable: false });
  const kept = await publishAll(before, 'kept', { persistent: true });
  const transient = await publishAll(before, 'transient', { persistent: false });
  const passing = await publishAll(before, 'passing', { persistent: true });
  await rabbit.stopApp();
  await rabbit.startApp();
  const after = await (await connectedTo(rabbit.url, cleanup)).createConfirmChannel();
  const withIt = { believed: kept, handled: await waiting(after, 'kept') };
  const lost = await waiting(after, 'transient');
  // Whoever comes first declares it anew, and finds it empty.
  await after.assertQueue('passing', { durable: false });
  const mishap = 'the broker is restarted';
  return [
    { name: 'persistent message', mishap, withIt, withoutIt: { believed: transient, handled: lost } },
    {
      name: 'durable queue',
      mishap,
      withIt,
      withoutIt: { believed: passing, handled: await waiting(after, 'passing') },
    },
  ];
}

async function manualAck(bench: Bench): Promise<Safeguard> {
  const sender = await (await bench.connect()).createConfirmChannel();
  const dying = async (queue: string, noAck: boolean): Promise<Count> => {
    await sender.assertQueue(queue, { durable: true });
    const believed = await publishAll(sender, queue, { persistent: true });
    const handled = await diesAfterTen(await bench.connect(), queue, noAck);
    await until('the broker has noticed', async () => (await sender.checkQueue(queue)).consumerCount === 0);
    const back = noAck ? 0 : SENT - TEN;
    await until('what was not acknowledged is back', async () => (await waiting(sender, queue)) === back);
    return { believed, handled: handled + (await waiting(sender, queue)) };
  };
  return {
    name: 'manual ack',
    mishap: `the consumer dies after ${TEN}`,
    withIt: await dying('acknowledged', false),
    withoutIt: await dying('unacknowledged', true),
  };
}

/** It has all of them in memory, and has worked off ten. */
async function diesAfterTen(connection: ChannelModel, queue: string, noAck: boolean): Promise<number> {
  const channel = await connection.createChannel();
  let received = 0;
  await channel.consume(
    queue,
    (message) => {
      received += 1;
      if (!noAck && received <= TEN) channel.ack(message!);
    },
    { noAck },
  );
  await until('the consumer has all of them', async () => received === SENT);
  await channel.close(); // before its connection, which does not wait for what the channel has still to say
  await connection.close();
  return TEN;
}

/** @returns how many were confirmed */
async function publishAll(channel: ConfirmChannel, queue: string, options: Options.Publish): Promise<number> {
  const sent = Array.from(
    { length: SENT },
    () =>
      new Promise<boolean>((resolve) => {
        channel.sendToQueue(queue, BODY, options, (error: unknown) => resolve(!error));
      }),
  );
  return (await Promise.all(sent)).filter(Boolean).length;
}

async function waiting(channel: Pick<ConfirmChannel, 'checkQueue'>, queue: string): Promise<number> {
  return (await channel.checkQueue(queue)).messageCount;
}

function answer({ name, mishap, withIt, withoutIt }: Safeguard): Answer {
  const lostBy = ({ believed, handled }: Count): number => believed - handled;
  const tell = ({ believed, handled }: Count): string => `${believed} taken for sent, ${handled} handled`;
  return {
    row: {
      safeguard: name,
      'what happens': mishap,
      'with it': tell(withIt),
      lost: String(lostBy(withIt)),
      'without it': tell(withoutIt),
      'lost without': String(lostBy(withoutIt)),
    },
    asExpected: lostBy(withIt) === 0 && lostBy(withoutIt) >= SENT - TEN,
  };
}
