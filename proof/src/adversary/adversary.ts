import { type RabbitServer, type PostgresDatabaseServer, Cleanup, until } from '@tallystick/services';
import { type Channel, type ChannelModel, connect, type GetMessage } from 'amqplib';
import { type Rig, type RigSettings, startRig } from '../rig';
import { ATTACKS, inventedFor, type Shot, type Victim } from './attacks';
import { type Check, without } from './without';

export const DEFENCES = ['neither', 'checked users', 'signing', 'both'] as const;
export type Defence = (typeof DEFENCES)[number];

/** Who attacks: a user of the broker, with these permissions (docs/operations.md). */
export const ADVERSARIES = {
  'no permission': {},
  'may write messages and cancels': { write: '^outbox[.]requests$' },
  'may write receipts': { write: '^outbox[.]receipts$' },
  'the user of another service': {
    configure: '^(outbox[.](requests|announcements|receipts|quarantine)|mail-service[.].+)$',
    write: '^(outbox[.](requests|receipts|quarantine)|mail-service[.].+)$',
    read: '^(outbox[.](requests|receipts|quarantine)|mail-service[.].+)$',
  },
} as const;
export type Adversary = keyof typeof ADVERSARIES;

/** What became of a purchase that would have been completed, with an order, if nobody had attacked it. */
export type Damage = (typeof DAMAGES)[number];
export const DAMAGES = [
  'refund and order',
  'order denied',
  'completed without order',
  'other content ordered',
  'completed with other content',
  'ordered twice',
  'ordered without payment',
  'held up for a person',
] as const;

/** By defence and adversary: `attack: damage`, sorted. */
export type Achieved = Record<Defence, Record<Adversary, string[]>>;

export interface Attempt {
  readonly who: Adversary;
  readonly attack: string;
}

const EVERYTHING: readonly Attempt[] = (Object.keys(ADVERSARIES) as Adversary[]).flatMap((who) =>
  Object.keys(ATTACKS).map((attack) => ({ who, attack })),
);

export interface AdversaryOptions {
  readonly postgres: PostgresDatabaseServer;
  readonly rabbit: Pick<RabbitServer, 'createVhost' | 'addUser'>;
  readonly defences?: readonly Defence[];
  /** @default every attack of everybody */
  readonly attempts?: readonly Attempt[];
  /** Against services that lack this check. */
  readonly without?: Check;
  readonly onProgress?: (line: string) => void;
}

/** A copy that was lost is sent again after this: long enough for the consumer to start and meet the forgeries first. */
const RESENT_AFTER = '25s';
/** The service that the adversary's own user stands for. */
const SELF = 'mail-service';
const SETTLED_WITHIN_MS = 90_000;

/** Runs every attack of every adversary against real services, and asks both databases what it achieved. */
export async function runAdversaries(options: AdversaryOptions): Promise<Achieved> {
  const achieved = {} as Achieved;
  for (const defence of options.defences ?? DEFENCES) {
    options.onProgress?.(`${defence}: attacking`);
    achieved[defence] = await attackAll(options, defence);
    for (const [who, what] of Object.entries(achieved[defence]))
      options.onProgress?.(`${defence}, ${who}: ${what.join('; ') || 'nothing'}`);
  }
  return achieved;
}

async function attackAll(
  { postgres, rabbit, attempts = EVERYTHING, without: lacking }: AdversaryOptions,
  defence: Defence,
): Promise<Record<Adversary, string[]>> {
  const cleanup = new Cleanup();
  try {
    const vhost = await rabbit.createVhost();
    const logIn = async (url: string): Promise<ChannelModel> => {
      const connection = await connect(url);
      connection.on('error', () => {});
      cleanup.defer(() => connection.close().catch(() => {}));
      return connection;
    };
    const everything = { vhost, configure: '.*', write: '.*', read: '.*' };
    const amqpUrl = {
      producer: await rabbit.addUser({ name: 'rig-producer', ...everything }),
      consumer: await rabbit.addUser({ name: 'rig-consumer', ...everything }),
    };
    const environment = lacking && without(lacking);
    const rig = cleanup.stopLater(await startRig({ postgres, amqpUrl, options: settingsFor(defence), environment }));
    const admin = await (await logIn(vhost)).createChannel();

    await rig.consumers[0].stop();
    const victims = await withhold(rig, admin, attempts.length);

    for (const who of Object.keys(ADVERSARIES) as Adversary[]) {
      const url = await userOf(rabbit, vhost, who);
      const connection = await logIn(url);
      const user = decodeURIComponent(new URL(url).username);
      for (const [index, attempt] of attempts.entries())
        if (attempt.who === who) await fire(connection, ATTACKS[attempt.attack]!(victims[index]!, SELF), user);
    }
    await until('the producer has read every receipt', async () => {
      const { messageCount } = await admin.checkQueue('rig-producer.receipts');
      return messageCount === 0;
    });
    await rig.consumers[0].start();
    await atRest(rig);

    const result = {} as Record<Adversary, string[]>;
    for (const [index, { who, attack }] of attempts.entries()) {
      const damages = await damageTo(rig, victims[index]!.purchaseId);
      (result[who] ??= []).push(...damages.map((damage) => `${attack}: ${damage}`));
    }
    return result;
  } finally {
    await cleanup.run();
  }
}

function settingsFor(defence: Defence): RigSettings {
  const signs = defence === 'signing' || defence === 'both';
  return {
    outbox: {
      receiptWait: { first: RESENT_AFTER, max: RESENT_AFTER },
      ...(signs && { signing: { sign: 'k', keys: { k: 'a secret of the services, of thirty-two bytes' } } }),
    },
    checkUsers: defence === 'checked users' || defence === 'both',
    logLevel: 'fatal',
  };
}

function userOf(rabbit: AdversaryOptions['rabbit'], vhost: string, who: Adversary): Promise<string> {
  const name = who === 'the user of another service' ? SELF : who.replaceAll(' ', '-');
  return rabbit.addUser({ name, vhost, ...ADVERSARIES[who] });
}

/** Purchases whose first copies are read and lost: they come again, behind what the adversary sends. */
async function withhold(rig: Rig, admin: Channel, count: number): Promise<Victim[]> {
  const accountId = await rig.openAccount(count * AMOUNT);
  const recorded = await rig.recordMany({ accountId, amount: AMOUNT, count });
  const copies = new Map<string, GetMessage>();
  await until('a copy of every message was read', async () => {
    for (;;) {
      const found = await admin.get('rig-consumer.purchase.made', { noAck: true });
      if (!found) return copies.size === count;
      copies.set(String(found.properties.messageId), found);
    }
  });
  return recorded.map(({ messageId, purchaseId }) => ({ messageId, purchaseId, genuine: copies.get(messageId)! }));
}

const AMOUNT = 100;

/** Under its own name and under none; what the broker refuses costs the channel only. */
async function fire(connection: ChannelModel, { exchange, key, body, properties }: Shot, user: string): Promise<void> {
  for (const userId of [undefined, user]) {
    const channel = await connection.createConfirmChannel();
    const refused = new Promise<void>((resolve) => channel.once('error', () => resolve()));
    channel.publish(exchange, key, Buffer.from(body), { ...properties, userId });
    await Promise.race([channel.waitForConfirms().catch(() => {}), refused]);
    await channel.close().catch(() => {});
  }
}

async function atRest(rig: Rig): Promise<void> {
  const open = `select 1 from outbox_delivery where settled_at is null and state <> 'parked' limit 1`;
  const done = async (): Promise<boolean> => (await rig.query('producer', open)).length === 0;
  await until('no delivery is on its way', done, { timeoutMs: SETTLED_WITHIN_MS, everyMs: 200 });
}

async function damageTo(rig: Rig, purchaseId: string): Promise<Damage[]> {
  // What somebody orders in their own name is no damage: whether they may is the business's question, and it knows who asked.
  const orders = await rig.query<{ amount: string }>(
    'consumer',
    `select amount from orders where purchase_id = $1 and ordered_by = 'rig-producer'`,
    [purchaseId],
  );
  const invented = await rig.query('consumer', 'select 1 from orders where purchase_id = $1', [
    inventedFor(purchaseId),
  ]);
  const [row] = await rig.query<{ status: string; refunds: number }>(
    'producer',
    `select status, (select count(*)::int from movement where purchase_id = id and kind = 'refund') as refunds
       from purchase where id = $1`,
    [purchaseId],
  );
  const { status, refunds } = row!;
  const other = orders.some(({ amount }) => Number(amount) !== AMOUNT);
  const found: Record<Damage, boolean> = {
    'refund and order': refunds > 0 && orders.length > 0,
    'order denied': refunds > 0 && orders.length === 0,
    'completed without order': status === 'completed' && orders.length === 0,
    'other content ordered': other,
    'completed with other content': other && status === 'completed',
    'ordered twice': orders.length > 1,
    'ordered without payment': invented.length > 0,
    'held up for a person': status === 'pending',
  };
  return DAMAGES.filter((damage) => found[damage]);
}
