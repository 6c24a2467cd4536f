import { until } from '@tallystick/services';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Recorded, Rig, Script } from '../rig';
import type { Heard, Stage, Victim } from './attacks';
import type { BrokerUser } from './hands';

export const AMOUNT = 100;
/** A consumer that can process what it could not before. */
export const MENDED = { environment: { RIG_TAKES_ANY_PAYLOAD: 'true' } };
/** The first receipt makes one attempt, its retries the others; of the retried row one more fails. */
export const FOLLOW_UP_ATTEMPTS = 3;
const REFUND_FAILS = FOLLOW_UP_ATTEMPTS + 1;

const SCRIPTS: Partial<Record<Stage, Script>> = {
  refunded: { reject: 'SOLD_OUT' },
  cancelled: { failTimes: 1_000 },
  retried: { poison: 'invalid-payload' },
  'refund retried': { reject: 'SOLD_OUT', compensateFailTimes: REFUND_FAILS },
};
const WHILE_CONSUMER_RUNS: readonly Stage[] = ['completed', 'refunded', 'cancelled', 'retried', 'refund retried'];

/**
 * Brings purchases to where they are to be attacked, in the order given, and leaves the consumer stopped: what is on its way was
 * published and is lost, so that it comes again behind what the adversary sends.
 */
export async function bringTo(
  stages: readonly Stage[],
  { rig, admin, ear }: { rig: Rig; admin: Channel; ear: BrokerUser },
): Promise<Victim[]> {
  const accountId = await rig.openAccount(stages.length * AMOUNT);
  const found = new Map<Stage, Recorded[]>();
  const record = async (stage: Stage): Promise<void> => {
    const count = stages.filter((each) => each === stage).length;
    const command = { accountId, amount: AMOUNT, count, script: SCRIPTS[stage] ?? {} };
    found.set(stage, count === 0 ? [] : await rig.recordMany(command));
  };
  const idsOf = (stage: Stage): string[] => found.get(stage)!.map(({ messageId }) => messageId);
  const command = async (stage: Stage, name: 'cancel' | 'retry', body: object = {}): Promise<void> => {
    await Promise.all(idsOf(stage).map((id) => rig.producers[0].send('POST', `messages/${id}/${name}`, body)));
  };
  const heard = (stage: Stage, kind: 'message' | 'cancel', times = 1): Promise<void> =>
    until(`every ${kind} of what is ${stage} was heard`, () =>
      idsOf(stage).every((id) => ear.heard(kind, id).length >= times),
    );

  for (const stage of WHILE_CONSUMER_RUNS) await record(stage);
  await heard('cancelled', 'message');
  await command('cancelled', 'cancel');
  await rig.settled({ parked: idsOf('retried').length + idsOf('refund retried').length });

  await rig.consumers[0].stop();
  await record('on its way');
  await heard('on its way', 'message');
  await record('cancel taken back');
  await heard('cancel taken back', 'message');
  await command('cancel taken back', 'cancel');
  await heard('cancel taken back', 'cancel');
  await runOut(rig, idsOf('cancel taken back'));
  await command('cancel taken back', 'retry', { deadline: '10m' });
  await heard('cancel taken back', 'message', 2);
  await command('retried', 'retry');
  await heard('retried', 'message', 2);
  await until('everything is published', async () => {
    const open = `select from outbox_delivery where state in ('pending', 'cancelling') limit 1`;
    return (await rig.query('producer', open)).length === 0;
  });
  for (const queue of ['purchase.made', 'cancel']) await admin.purgeQueue(`rig-consumer.${queue}`);

  return stages.map((stage) => {
    const recorded = found.get(stage)!.pop()!;
    const said = (kind: Heard): ConsumeMessage | undefined => ear.heard(kind, recorded.messageId)[0];
    return { ...recorded, genuine: said('message')!, genuineCancel: said('cancel'), genuineReceipt: said('receipt') };
  });
}

/** Lets the time be over in which cancels are to be answered. */
async function runOut(rig: Rig, messageIds: readonly string[]): Promise<void> {
  const state = `select count(*)::int as open from outbox_delivery where message_id = any ($1::uuid[]) and state <> 'parked'`;
  await until('the cancels were given up', async () => {
    await rig.query(
      'producer',
      `update outbox_delivery set give_up_at = clock_timestamp(), next_at = clock_timestamp()
        where message_id = any ($1::uuid[]) and state = 'cancelling'`,
      [messageIds],
    );
    const [row] = await rig.query<{ open: number }>('producer', state, [messageIds]);
    return row!.open === 0;
  });
}
