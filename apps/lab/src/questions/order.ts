import type { ConfirmChannel, GetMessage } from 'amqplib';
import type { Pool } from 'pg';
import type { Bench } from '../world/bench';
import type { Answer, Question } from './question';

const EVENTS = ['1', '2', '3'];

/** What happened to one account, in three messages, sent in order. In which order is it done? */
export const order: Question = {
  name: 'order',
  title: 'Three messages about one account are sent in order. In which order are they done?',
  async ask(bench) {
    const database = await bench.database('create table account (version int); insert into account values (0)');
    return [
      await tried(bench, 'two consumers; the first message takes longer', '2 1 3', competing),
      await tried(bench, 'one consumer, prefetch 2; the first message fails once', '2 1 3', ahead),
      await tried(bench, 'one consumer, prefetch 1; the first message fails once', '1 2 3', oneByOne),
      await tried(bench, 'two consumers; a version that is too new is put back', '1 2 3', (channel, done) =>
        versioned(channel, done, database),
      ),
    ];
  },
};

type Consuming = (channel: ConfirmChannel, done: string[]) => Promise<void>;

async function tried(bench: Bench, how: string, expected: string, consuming: Consuming): Promise<Answer> {
  const channel = await (await bench.connect()).createConfirmChannel();
  await channel.assertQueue('account');
  for (const event of EVENTS) channel.sendToQueue('account', Buffer.from(event));
  await channel.waitForConfirms();
  const done: string[] = [];
  await consuming(channel, done);
  const found = done.join(' ');
  return { row: { 'who consumes': how, 'done in this order': found }, asExpected: found === expected };
}

const competing: Consuming = async (channel, done) => {
  const slow = await next(channel);
  const quick = await next(channel);
  finish(channel, quick, done);
  finish(channel, slow, done);
  finish(channel, await next(channel), done);
};

const ahead: Consuming = async (channel, done) => {
  const failing = await next(channel);
  const inHand = await next(channel);
  channel.nack(failing); // back to its place, but the next one is in hand already
  finish(channel, inHand, done);
  finish(channel, await next(channel), done);
  finish(channel, await next(channel), done);
};

const oneByOne: Consuming = async (channel, done) => {
  channel.nack(await next(channel));
  for (let n = 0; n < EVENTS.length; n += 1) finish(channel, await next(channel), done);
};

async function versioned(channel: ConfirmChannel, done: string[], account: Pool): Promise<void> {
  const apply = async (message: GetMessage): Promise<void> => {
    const applied = await account.query('update account set version = $1 where version = $1 - 1', [
      Number(String(message.content)),
    ]);
    if (applied.rowCount === 0) channel.nack(message);
    else finish(channel, message, done);
  };
  const slow = await next(channel);
  const quick = await next(channel);
  await apply(quick); // 2 before 1: put back
  await apply(slow);
  while (done.length < EVENTS.length) await apply(await next(channel));
}

async function next(channel: ConfirmChannel): Promise<GetMessage> {
  const message = await channel.get('account');
  if (message) return message;
  throw new Error('There is no message left.');
}

function finish(channel: ConfirmChannel, message: GetMessage, done: string[]): void {
  done.push(String(message.content));
  channel.ack(message);
}
