import { type RabbitServer, type PostgresDatabaseServer, Cleanup, until } from '@tallystick/services';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { type Rig, type RigSettings, startRig } from '../rig';
import { ATTACKS, EXCHANGES, forgedProblem, inventedFor, type Stage, UPHEAVALS } from './attacks';
import { BrokerUser } from './hands';
import { AMOUNT, bringTo, FOLLOW_UP_ATTEMPTS, MENDED } from './stages';
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

/** What became of a purchase otherwise than if nobody had attacked it, or of what people see of it. */
export type Damage = (typeof DAMAGES)[number];
export const DAMAGES = [
  'refund and order',
  'order denied',
  'completed without order',
  'other content ordered',
  'completed with other content',
  'ordered twice',
  'ordered without payment',
  'settled twice',
  'held up for a person',
  'passes for what the service put aside',
] as const;

/** By defence and adversary: `attack: damage`, sorted. */
export type Achieved = Record<Defence, Record<Adversary, string[]>>;

export interface Attempt {
  readonly who: Adversary;
  readonly attack: string;
}

export const ATTACK_NAMES = [...Object.keys(ATTACKS), ...Object.keys(UPHEAVALS)];
const EVERYTHING: readonly Attempt[] = (Object.keys(ADVERSARIES) as Adversary[]).flatMap((who) =>
  ATTACK_NAMES.map((attack) => ({ who, attack })),
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

/** Longer than any run: a copy that was lost is sent again when the forgeries have been read. */
const RESENT_AFTER = '30m';
/** Users belong to the whole broker: a run beside this one must not give them another. */
const PASSWORD = 'of all users of this proof';
/** The service that the adversary's own user stands for. */
const SELF = 'mail-service';
const SETTLED_WITHIN_MS = 90_000;
/** Where nobody attacks, these end without an order. */
const REFUNDED: readonly Stage[] = ['refunded', 'cancelled', 'refund retried'];

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
    const everything = { vhost, password: PASSWORD, configure: '.*', write: '.*', read: '.*' };
    const amqpUrl = {
      producer: await rabbit.addUser({ name: 'rig-producer', ...everything }),
      consumer: await rabbit.addUser({ name: 'rig-consumer', ...everything }),
    };
    const environment = lacking && without(lacking);
    const settings = settingsFor(defence);
    const rig = cleanup.stopLater(await startRig({ server: postgres, amqpUrl, options: settings, environment }));
    const operator = await connect(vhost);
    cleanup.defer(() => operator.close().catch(() => {}));
    const admin = await operator.createChannel();
    const users = {} as Record<Adversary, BrokerUser>;
    const logIn = async (who: Adversary): Promise<void> => {
      users[who] = await BrokerUser.logIn(await userOf(rabbit, vhost, who), SELF, cleanup);
    };
    await Promise.all((Object.keys(ADVERSARIES) as Adversary[]).map(logIn));

    const own = attempts.filter(({ attack }) => attack in ATTACKS);
    const stages = own.map(({ attack }) => ATTACKS[attack]!.on);
    const victims = await bringTo(stages, { rig, admin, ear: users['the user of another service'] });
    const attackAs = async (who: Adversary): Promise<void> => {
      for (const [index, attempt] of own.entries()) {
        if (attempt.who !== who) continue;
        const victim = victims[index]!;
        if (stages[index] === 'refund retried')
          await rig.producers[0].send('POST', `messages/${victim.messageId}/retry`, {});
        await ATTACKS[attempt.attack]!.run(users[who], victim, SELF);
      }
    };
    await Promise.all((Object.keys(ADVERSARIES) as Adversary[]).map(attackAs));
    await areRead(admin, 'producer');
    await rig.consumers[0].start(MENDED);
    await areRead(admin, 'consumer');
    await rig.consumers[0].stop(); // now it has handled what it has read
    await rig.consumers[0].start(MENDED);
    await areRead(admin, 'consumer');
    await areRead(admin, 'producer');
    await atRest(rig);
    const passing = await passingForPutAside(admin, amqpUrl, settings.checkUsers ?? false);

    const result = {} as Record<Adversary, string[]>;
    const note = ({ who, attack }: Attempt, damages: readonly Damage[]): void => {
      (result[who] ??= []).push(...damages.map((damage) => `${attack}: ${damage}`));
    };
    const books = await readBooks(rig);
    for (const [index, attempt] of own.entries()) {
      const { purchaseId } = victims[index]!;
      const passes = passing.has(forgedProblem({ purchaseId }));
      const damages = damageTo(purchaseId, books, stages[index]);
      note(attempt, passes ? [...damages, 'passes for what the service put aside'] : damages);
    }
    for (const attempt of attempts.filter(({ attack }) => attack in UPHEAVALS))
      note(attempt, await livingWith(attempt, users[attempt.who], { rig, operator }));
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
      maxFollowUpAttempts: FOLLOW_UP_ATTEMPTS,
      ...(signs && { signing: { sign: 'k', keys: { k: 'a secret of the services, of thirty-two bytes' } } }),
    },
    // What was heard is replayed and passed on one by one. Bundles are forged by hand; they are read all the same.
    rabbitMq: { idleResubscribe: '1s', bundles: false },
    checkUsers: defence === 'checked users' || defence === 'both',
    logLevel: 'fatal',
  };
}

function userOf(rabbit: AdversaryOptions['rabbit'], vhost: string, who: Adversary): Promise<string> {
  const name = who === 'the user of another service' ? SELF : who.replaceAll(' ', '-');
  return rabbit.addUser({ name, vhost, password: PASSWORD, ...ADVERSARIES[who] });
}

/** Resolves when a service has read all of its queues. */
async function areRead(admin: Channel, side: 'producer' | 'consumer'): Promise<void> {
  const queues = side === 'producer' ? ['cancel', 'receipts'] : ['cancel', 'receipts', 'purchase.made'];
  const empty = async (): Promise<boolean> => {
    for (const queue of queues) if ((await admin.checkQueue(`rig-${side}.${queue}`)).messageCount > 0) return false;
    return true;
  };
  await until(`the ${side} has read everything`, empty, { timeoutMs: SETTLED_WITHIN_MS });
}

async function atRest(rig: Rig): Promise<void> {
  const open = `select 1 from outbox_delivery where settled_at is null and state <> 'parked' limit 1`;
  const done = async (): Promise<boolean> => {
    await sendAgain(rig);
    return (await rig.query('producer', open)).length === 0;
  };
  await until('no delivery is on its way', done, { timeoutMs: SETTLED_WITHIN_MS, everyMs: 300 });
}

/** What was sent and not answered. */
async function sendAgain(rig: Rig): Promise<void> {
  await rig.query('producer', `update outbox_delivery set next_at = clock_timestamp() where state = 'sent'`);
}

/** Why they are there, it says of copies that nobody put aside and that look as if their service had. */
async function passingForPutAside(
  admin: Channel,
  amqpUrl: { producer: string; consumer: string },
  checkUsers: boolean,
): Promise<Set<string>> {
  const passing = new Set<string>();
  for (const side of ['producer', 'consumer'] as const) {
    const vouched = checkUsers ? decodeURIComponent(new URL(amqpUrl[side]).username) : undefined;
    for (;;) {
      const copy = await admin.get(`rig-${side}.quarantine`, { noAck: true });
      if (!copy) break;
      const { userId, headers } = copy.properties;
      if (!checkUsers || userId === vouched) passing.add(String(headers?.outbox_problem));
    }
  }
  return passing;
}

/** What becomes of a purchase after an upheaval, with a person if need be. */
async function livingWith(
  { attack }: Attempt,
  user: BrokerUser,
  { rig, operator }: { rig: Rig; operator: ChannelModel },
): Promise<Damage[]> {
  await UPHEAVALS[attack]!(user, SELF);
  const { purchaseId, messageId } = await rig.record({ accountId: await rig.openAccount(AMOUNT), amount: AMOUNT });
  const strange = await mended(operator);
  const completed = async (): Promise<boolean> => {
    await sendAgain(rig);
    return (await rig.stateOf(messageId)) === 'completed';
  };
  await until(`a purchase is completed, for all that somebody ${attack}`, completed, {
    timeoutMs: SETTLED_WITHIN_MS,
    everyMs: 200,
  });
  return [...(strange ? (['held up for a person'] as const) : []), ...damageTo(purchaseId, await readBooks(rig))];
}

/** Deletes what stands in the place of exchanges, as a person would. @returns whether anything did */
async function mended(operator: ChannelModel): Promise<boolean> {
  let strange = false;
  for (const name of EXCHANGES) {
    const type = name === 'outbox.announcements' ? 'topic' : 'direct';
    const channel = await operator.createChannel();
    channel.on('error', () => {});
    try {
      await channel.assertExchange(name, type, { durable: true });
      await channel.close();
    } catch {
      strange = true;
      const another = await operator.createChannel();
      await another.deleteExchange(name);
      await another.close();
    }
  }
  return strange;
}

/** What both databases say of all purchases. */
interface Books {
  /** By purchase, of those that say they are the producer's: their amounts. */
  readonly orders: ReadonlyMap<string, readonly number[]>;
  /** Whoever ordered. */
  readonly ordered: ReadonlySet<string>;
  readonly purchases: ReadonlyMap<string, { readonly status: string; readonly refunds: number; readonly all: number }>;
}

async function readBooks(rig: Rig): Promise<Books> {
  const orders = new Map<string, number[]>();
  const ordered = new Set<string>();
  const found = await rig.query<{ id: string; amount: string; by: string }>(
    'consumer',
    'select purchase_id as id, amount, ordered_by as by from orders',
  );
  for (const { id, amount, by } of found) {
    ordered.add(id);
    // What somebody orders in their own name is no damage: whether they may is the business's question, and it knows who asked.
    if (by === 'rig-producer') orders.set(id, [...(orders.get(id) ?? []), Number(amount)]);
  }
  const purchases = await rig.query<{ id: string; status: string; refunds: number; all: number }>(
    'producer',
    `select id, status, count(*) filter (where kind = 'refund')::int as refunds,
            count(*) filter (where kind in ('refund', 'completion'))::int as all
       from purchase left join movement on purchase_id = id group by id`,
  );
  return { orders, ordered, purchases: new Map(purchases.map((each) => [each.id, each])) };
}

function damageTo(purchaseId: string, books: Books, stage?: Stage): Damage[] {
  const amounts = books.orders.get(purchaseId) ?? [];
  const { status, refunds, all } = books.purchases.get(purchaseId)!;
  const other = amounts.some((amount) => amount !== AMOUNT);
  const found: Record<Damage, boolean> = {
    'refund and order': refunds > 0 && amounts.length > 0,
    'order denied': refunds > 0 && amounts.length === 0 && !(stage && REFUNDED.includes(stage)),
    'completed without order': status === 'completed' && amounts.length === 0,
    'other content ordered': other,
    'completed with other content': other && status === 'completed',
    'ordered twice': amounts.length > 1,
    'ordered without payment': books.ordered.has(inventedFor(purchaseId)),
    'settled twice': all > 1,
    'held up for a person': status === 'pending',
    'passes for what the service put aside': false, // asked of the quarantines
  };
  return DAMAGES.filter((damage) => found[damage]);
}
