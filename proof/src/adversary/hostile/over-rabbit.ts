import { createRequire } from 'node:module';
import { type Cleanup, until } from '@tallystick/services';
import { type ConfirmChannel, connect, type GetMessage, type Options } from 'amqplib';
import type { Hostile, Way } from './envelopes';
import type { Sender } from './storm';

/** What a client library puts on the wire, and reads from it again. */
const { BasicProperties, encodeProperties, decode } = createRequire(__filename)('amqplib/lib/defs') as {
  BasicProperties: number;
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer;
  decode(id: number, fields: Buffer): GetMessage['properties'];
};
/** Frame: type, channel, size. Header: class, weight, size of the body. */
const BEFORE_FIELDS = 7 + 12;
const WITHIN_MS = 120_000;

/** Every queue that a service of the rig reads. Quarantines are for people. */
const QUEUES: readonly Way[] = [
  ...['rig-producer', 'rig-consumer'].flatMap((service): Way[] => [
    { queue: `${service}.cancel`, service, expected: { kind: 'cancel' } },
    { queue: `${service}.receipts`, service, expected: { kind: 'receipt' } },
  ]),
  ...(['purchase.made', 'purchase.noted', 'purchase.announced'] as const).map((type, _, all): Way => ({
    queue: `rig-consumer.${type}`,
    service: 'rig-consumer',
    expected: {
      kind: type === 'purchase.announced' ? 'announcement' : 'request',
      elsewhere: all.filter((other) => other !== type),
    },
  })),
];

/** Writes into the queues, past the exchanges, as somebody with all permissions. */
export async function overRabbit(amqpUrl: string, cleanup: Cleanup): Promise<Sender> {
  const connection = await connect(amqpUrl);
  let lost: string | undefined;
  connection.on('error', (error) => (lost = String(error)));
  cleanup.defer(() => connection.close().catch(() => {}));
  const channel = await connection.createConfirmChannel();
  channel.on('error', (error) => (lost = String(error)));

  return {
    ways: QUEUES,
    asItArrives: (hostile) => {
      const { headers, ...fields } = decode(BasicProperties, encoded(hostile));
      return { ...hostile, fields: { ...fields }, headers: headers as Hostile['headers'] };
    },
    send: (hostile) => {
      if (lost !== undefined) throw new Error(`the adversary lost its own connection: ${lost}`);
      channel.publish('', hostile.way.queue!, hostile.body, optionsOf(hostile));
      return encoded(hostile).length + hostile.body.length;
    },
    arrived: async () => {
      await channel.waitForConfirms();
      await until('every queue is empty', () => areEmpty(channel), { timeoutMs: WITHIN_MS, everyMs: 200 });
    },
    putAside: async (service) => (await channel.checkQueue(`${service}.quarantine`)).messageCount,
    problems: [],
  };
}

async function areEmpty(channel: ConfirmChannel): Promise<boolean> {
  for (const { queue } of QUEUES) if ((await channel.checkQueue(queue!)).messageCount > 0) return false;
  return true;
}

/** @throws Error if no client could send it */
function encoded(hostile: Hostile): Buffer {
  const size = hostile.body.length;
  return encodeProperties(BasicProperties, 1, size, optionsOf(hostile)).subarray(BEFORE_FIELDS);
}

function optionsOf({ fields, headers }: Hostile): Options.Publish {
  return { ...fields, headers: { ...headers } };
}
