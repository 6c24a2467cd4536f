import { execFileSync } from 'node:child_process';
import {
  Cleanup,
  type PostgresDatabaseServer,
  type RabbitServer,
  startPostgres,
  startRabbit,
} from '@tallystick/services';
import { SeededRandom } from '@tallystick/outbox/testing';
import { type Rig, type RigProcess, type RigSettings, startRig } from '../../rig';
import { SIGNING } from './envelopes';
import { floodProblems } from './flood';
import { proveReplies, type RepliesSummary } from './prove-replies';
import { overDirect } from './over-direct';
import { overRabbit } from './over-rabbit';
import { Customers, ENVELOPES_PER_SECOND, PURCHASES_PER_SECOND, type Sender, storm, type Storm } from './storm';

/** What hostile envelopes did over one transport. */
export interface EnvelopesOver {
  readonly transport: TransportName;
  readonly hostile: number;
  /** Changed in a way that matters to nobody: the decoder takes them. */
  readonly good: number;
  readonly hostileBytes: number;
  readonly logBytes: number;
  /** Of both processes together, at most. */
  readonly grownMiB: number;
  /** From the recording of a purchase to its end: 99 of 100 took no longer. */
  readonly p99Ms: { readonly before: number; readonly during: number };
  readonly purchases: number;
  readonly problems: readonly string[];
}

/** Plain data: it survives `JSON.stringify`. */
export interface EnvelopesSummary {
  readonly ok: boolean;
  readonly seed: number;
  readonly over: readonly EnvelopesOver[];
  /** What a producer was answered that called somebody false; not in small runs. */
  readonly replies?: RepliesSummary;
  readonly seconds: number;
}

export interface ProveEnvelopesOptions {
  /** Half of them over each transport. */
  readonly envelopes: number;
  readonly seed: number;
  /** Times are figures only unless this is set: what else the machine does is in them. @default false */
  readonly judgeTimes?: boolean;
  /** @default servers of its own */
  readonly servers?: { readonly postgres: PostgresDatabaseServer; readonly rabbit: Pick<RabbitServer, 'createVhost'> };
  readonly transports?: readonly TransportName[];
  /** Of the services' processes. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly onProgress?: (line: string) => void;
}

const TRANSPORTS = ['rabbitMq', 'direct'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Patient: on a busy machine a time-out would look like damage. */
const SETTINGS: RigSettings = {
  outbox: { signing: SIGNING, lease: '40s', receiptWait: { first: '20s', max: '20s' } },
  rabbitMq: { publishTimeout: '10s', heartbeatSeconds: 10 },
  direct: { timeout: '7s' },
};
const FEWEST_PURCHASES = 20;
/** A caller asks at its own pace. */
const ENVELOPES_PER_REPLY = 50;
const FEWEST_REPLIES = 100;
const GROWN_MIB_AT_MOST = 256;
const SLOWER_AT_MOST = 2;

/** Sends hostile envelopes into everything that services read, while they are at work, and asks what became of both. */
export async function proveEnvelopes(options: ProveEnvelopesOptions): Promise<EnvelopesSummary> {
  const { seed, onProgress, transports = TRANSPORTS } = options;
  const began = performance.now();
  const cleanup = new Cleanup();
  try {
    const servers = options.servers ?? (await startServers(cleanup, onProgress));
    const over: EnvelopesOver[] = [];
    for (const transport of transports) over.push(await attack(transport, servers, options));
    const asked = Math.floor(options.envelopes / ENVELOPES_PER_REPLY);
    const replies =
      asked < FEWEST_REPLIES
        ? undefined
        : await proveReplies({ postgres: servers.postgres, replies: asked, seed, onProgress });
    const seconds = Math.round((performance.now() - began) / 1_000);
    const problems = [...over.flatMap((each) => each.problems), ...(replies?.problems ?? [])];
    return { ok: problems.length === 0, seed, over, ...(replies && { replies }), seconds };
  } finally {
    await cleanup.run();
  }
}

type Servers = NonNullable<ProveEnvelopesOptions['servers']>;

async function startServers(cleanup: Cleanup, onProgress?: (line: string) => void): Promise<Servers> {
  const [postgres, rabbit] = await Promise.all([
    startPostgres({ onProgress }).then((server) => cleanup.stopLater(server)),
    startRabbit({ onProgress }).then((server) => cleanup.stopLater(server)),
  ]);
  return { postgres, rabbit };
}

async function attack(
  transport: TransportName,
  { postgres, rabbit }: Servers,
  { seed, environment, judgeTimes, ...options }: ProveEnvelopesOptions,
): Promise<EnvelopesOver> {
  const say = (line: string): void => options.onProgress?.(`${transport}: ${line}`);
  const envelopes = Math.ceil(options.envelopes / 2);
  const cleanup = new Cleanup();
  try {
    const amqpUrl = transport === 'direct' ? transport : await rabbit.createVhost();
    const rig = cleanup.stopLater(await startRig({ server: postgres, amqpUrl, options: SETTINGS, environment }));
    const sender =
      transport === 'direct'
        ? await overDirect(rig.directAddress, new SeededRandom(seed), cleanup)
        : await overRabbit(amqpUrl, cleanup);
    const customers = await Customers.of(rig);
    const purchases = Math.max(FEWEST_PURCHASES, Math.ceil((envelopes / ENVELOPES_PER_SECOND) * PURCHASES_PER_SECOND));

    say(`${purchases} purchases in peace`);
    const inPeace = await customers.buy(purchases);
    await rig.settled();

    say(`${envelopes} hostile envelopes, and ${purchases} purchases meanwhile`);
    const before = await lookAt(rig);
    const [sent, underAttack] = await Promise.all([
      storm(sender, customers, { envelopes, seed, onProgress: say }),
      customers.buy(purchases),
    ]);
    await rig.settled();
    const after = await lookAt(rig);

    const logBytes = after.reduce((sum, { output }, index) => sum + output.length - before[index]!.output.length, 0);
    const grownMiB = Math.max(...after.map(({ rssMiB }, index) => rssMiB - before[index]!.rssMiB));
    const p99Ms = { before: await p99(rig, inPeace), during: await p99(rig, underAttack) };
    const problems = [
      ...sender.problems,
      ...rig.problems,
      ...(await tableProblems(rig, [...inPeace, ...underAttack], sent)),
      ...(await quarantineProblems(sender, sent, before, after)),
      ...connectionProblems(transport, before, after),
      ...(logBytes > sent.bytes ? [`${logBytes} bytes of log for ${sent.bytes} bytes of envelopes`] : []),
      ...floodProblems(after),
      ...(grownMiB > GROWN_MIB_AT_MOST ? [`a process has grown by ${grownMiB} MiB`] : []),
      ...(judgeTimes && p99Ms.during > SLOWER_AT_MOST * p99Ms.before
        ? [`99 of 100 purchases took up to ${p99Ms.during} ms, and ${p99Ms.before} ms in peace`]
        : []),
    ];
    const hostile = Object.values(sent.hostile).reduce((sum, count) => sum + count, 0);
    const figures = { hostile, good: sent.good, hostileBytes: sent.bytes, logBytes, grownMiB, p99Ms, purchases };
    const found: EnvelopesOver = { transport, ...figures, problems };
    say(describeOver(found));
    return found;
  } finally {
    await cleanup.run();
  }
}

export function describeOver({
  transport,
  hostile,
  good,
  logBytes,
  hostileBytes,
  grownMiB,
  p99Ms,
  ...over
}: EnvelopesOver): string {
  return (
    `${transport} ${hostile.toLocaleString('en')} (and ${good.toLocaleString('en')} that were good after all; ` +
    `${kib(hostileBytes)}, ${kib(logBytes)} of log, ${grownMiB} MiB grown; p99 of ${over.purchases} purchases ` +
    `${p99Ms.before} → ${p99Ms.during} ms), ${over.problems.length} problems`
  );
}

export function describeReplies({ hostile, problems, ...replies }: RepliesSummary): string {
  return (
    `${hostile.toLocaleString('en')} hostile replies over ${replies.connections} connections (${kib(replies.logBytes)} of log, ` +
    `${replies.grownMiB} MiB grown; ${replies.purchases} purchases elsewhere), ${problems.length} problems`
  );
}

function kib(bytes: number): string {
  return `${Math.ceil(bytes / 1_024).toLocaleString('en')} KiB`;
}

interface Look {
  readonly process: RigProcess;
  readonly counters: Readonly<Record<string, number>>;
  readonly output: string;
  readonly rssMiB: number;
}

function lookAt(rig: Rig): Promise<Look[]> {
  return Promise.all(
    rig.all.map(async (process) => {
      const kib = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(process.pid)], { encoding: 'utf8' }));
      const counters = await process.counters();
      return { process, counters, output: process.output, rssMiB: Math.round(kib / 1_024) };
    }),
  );
}

function risen(event: string, before: readonly Look[], after: readonly Look[]): number {
  const count = (looks: readonly Look[]): number =>
    looks.reduce((sum, { counters }) => sum + (counters[event] ?? 0), 0);
  return count(after) - count(before);
}

async function p99(rig: Rig, messageIds: readonly string[]): Promise<number> {
  const [row] = await rig.query<{ ms: number }>(
    'producer',
    `select ceil(1000 * percentile_disc(0.99) within group (order by extract(epoch from settled_at - created_at)))::int as ms
       from outbox_message join outbox_delivery on message_id = id where id = any ($1::uuid[])`,
    [messageIds],
  );
  return row!.ms;
}

/** Whatever is there must be explained: by a purchase, or by an envelope that was good after all. */
async function tableProblems(rig: Rig, honest: readonly string[], { storable }: Storm): Promise<string[]> {
  const ids = async (side: 'producer' | 'consumer', sql: string): Promise<string[]> =>
    (await rig.query<{ id: string }>(side, sql)).map(({ id }) => id);
  const recorded = await ids('producer', 'select id from outbox_message');
  const inbox = await ids('consumer', 'select message_id as id from inbox_message');
  const inboxOfProducer = await ids('producer', 'select message_id as id from inbox_message');
  const orders = await ids('consumer', 'select message_id as id from orders');
  const announced = await ids('consumer', 'select message_id as id from announced');
  const ofConsumer = await ids('consumer', 'select id from outbox_message');
  const unfinished = await ids('producer', `select id from purchase where status <> 'completed'`);
  const moved = await ids(
    'producer',
    `select purchase_id as id from movement group by purchase_id
       having count(*) filter (where kind = 'debit') <> 1 or count(*) filter (where kind = 'completion') <> 1 or count(*) <> 2`,
  );
  const otherAmount = await ids(
    'consumer',
    `select message_id as id from orders where amount <> 100 and message_id = any ('{${honest.join(',')}}')`,
  );
  const known = new Set(honest);
  const unexplained = (found: readonly string[]): number =>
    found.filter((id) => !known.has(id) && !storable.has(id)).length;
  const missing = honest.filter((id) => orders.filter((each) => each === id).length !== 1).length;
  const doubled = inbox.length - new Set(inbox).size + orders.length - new Set(orders).size;
  const counts: Record<string, number> = {
    'messages in the outbox that nobody recorded': recorded.filter((id) => !known.has(id)).length + ofConsumer.length,
    'purchases whose message is not there': honest.length - new Set(recorded).size,
    'rows in the inboxes that nothing explains': unexplained(inbox) + unexplained(inboxOfProducer),
    'orders that nothing explains': unexplained(orders),
    'announcements heard that nothing explains': unexplained(announced),
    'rows or orders there twice': doubled,
    'purchases without exactly one order': missing,
    'orders of another amount': otherAmount.length,
    'purchases that are not completed': unfinished.length,
    'purchases whose money moved otherwise': moved.length,
  };
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([what, count]) => `${count} ${what}`);
}

/** Every hostile envelope was counted, and over the broker each is kept for a person, once. */
async function quarantineProblems(
  { putAside }: Sender,
  { hostile }: Storm,
  before: readonly Look[],
  after: readonly Look[],
): Promise<string[]> {
  const refused = risen('receipt.refused', before, after);
  const problems = refused === 0 ? [] : [`the database refused ${refused} receipts that were taken for good`];
  if (!putAside) return problems;
  // Announcements whose payload is wrong are well-formed, and put aside all the same: nobody can be told.
  const wrong = risen('inbox.quarantined', before, after);
  const expected = Object.values(hostile).reduce((sum, count) => sum + count, 0) + wrong + refused;
  const found = (await putAside('rig-consumer')) + (await putAside('rig-producer'));
  return found === expected ? problems : [...problems, `${found} envelopes in quarantine instead of ${expected}`];
}

function connectionProblems(transport: TransportName, before: readonly Look[], after: readonly Look[]): string[] {
  const lost = risen('transport.not-ready', before, after);
  // To break a frame costs its sender the connection, and a line: that is no loss.
  const troubles = transport === 'direct' ? 0 : risen('transport.trouble', before, after);
  return [
    ...(lost > 0 ? [`${lost} connections were lost`] : []),
    ...(troubles > 0 ? [`${troubles} times a channel or message was given up`] : []),
  ];
}
