import { type Cost, figure, type Figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { Remote } from '../processes/remote';
import { clear, drained, libraryBacklog, publishOrders } from './consumer-backlog';
import { costing, medianCost } from './cost';
import { database, LIBRARY_TABLES } from './databases';
import { type Backlog, drainOutbox, emptyQueue, LIBRARY_ORDERS } from './drain';
import { FILL_LIBRARY } from './fill';
import { type Context, type Findings, type Scenario, size } from './scenario';

const COUNTS = { large: [1, 2, 4], small: [1, 2] };

interface Round {
  readonly cost: Cost;
  readonly perSecond: number;
  /** The smallest part that one process did, where 1 would be its fair share. */
  readonly smallestShare: number;
}

/** More processes on the same tables and queues: they must share the work, and not stand in each other's way. */
export const scale: Scenario = {
  name: 'scale',
  measures: 'messages/s of 1, 2 and 4 relays on one outbox, and of 1, 2 and 4 consumers of one queue',

  async run(context: Context): Promise<Findings> {
    const [relayed, consumed] = [size(context, 10_000, 400), size(context, 3_000, 100)];
    return {
      parameters: { relayed, consumed },
      figures: [...(await relays(context, relayed)), ...(await consumers(context, consumed))],
    };
  },
};

async function relays(context: Context, count: number): Promise<Figure[]> {
  const amqpUrl = await context.stage.broker(context.cleanup);
  const databaseUrl = await database(context, 'library-users');
  const backlog: Backlog = {
    databaseUrl,
    fill: FILL_LIBRARY.postgres,
    tables: LIBRARY_TABLES,
    sentIn: 'outbox_delivery',
  };
  const options = { databaseUrl, amqpUrl, poolSize: 2, outbox: { pollInterval: 50 } };
  return compare(context, 'relay', async (processes) => {
    await emptyQueue(amqpUrl, LIBRARY_ORDERS);
    return together(
      context,
      { messages: count, databases: [databaseUrl], processes },
      () => Remote.start('library-producer', options),
      async (started) => ({
        perSecond: await drainOutbox(backlog, count),
        parts: await Promise.all(started.map((relay) => relay.call('published'))),
      }),
    );
  });
}

async function consumers(context: Context, count: number): Promise<Figure[]> {
  const amqpUrl = await context.stage.broker(context.cleanup);
  const databaseUrl = await database(context, 'library-orders');
  const backlog = libraryBacklog({ amqpUrl, databaseUrl });
  return compare(context, 'consumer', async (processes) => {
    await clear(backlog);
    return together(
      context,
      { messages: count, databases: [databaseUrl], processes },
      () => Remote.start('library-consumer', { databaseUrl, amqpUrl }),
      async (started) => {
        const [perSecond] = await Promise.all([drained(backlog, count), publishOrders(backlog, count)]);
        return { perSecond, parts: await Promise.all(started.map((consumer) => consumer.call('handled'))) };
      },
    );
  });
}

/** Starts so many processes, lets them work, stops them. */
async function together<Process extends { readonly pid: number; stop(): Promise<void> }>(
  context: Context,
  { messages, databases, processes }: { messages: number; databases: readonly string[]; processes: number },
  begin: () => Promise<Process>,
  work: (started: Process[]) => Promise<{ perSecond: number; parts: number[] }>,
): Promise<Round> {
  const started: Process[] = [];
  try {
    started.push(...(await Promise.all(Array.from({ length: processes }, begin))));
    const place = { databases, processes: { services: started.map(({ pid }) => pid) } };
    const { result, cost } = await costing(context, place, messages, () => work(started));
    const fair = result.parts.reduce((sum, part) => sum + part, 0) / processes;
    return { perSecond: result.perSecond, smallestShare: Math.min(...result.parts) / fair, cost };
  } finally {
    await Promise.all(started.map((process) => process.stop()));
  }
}

async function compare(
  { rounds, progress, small }: Context,
  what: string,
  measure: (processes: number) => Promise<Round>,
): Promise<Figure[]> {
  const name = (processes: number): string => `${processes} ${what}${processes > 1 ? 's' : ''}`;
  const counts = small ? COUNTS.small : COUNTS.large;
  const measured = await alternate(
    rounds,
    counts.map((processes) => ({ name: name(processes), measure: () => measure(processes) })),
    (name, round, { perSecond, smallestShare }) =>
      progress.line(
        `  round ${round}: ${perSecond.toFixed(0)}/s, smallest share ${smallestShare.toFixed(2)} · ${name}`,
      ),
  );
  const perSecond = (processes: number) => summarise(measured.get(name(processes))!.map((round) => round.perSecond));
  const cost = (processes: number) => medianCost(measured.get(name(processes))!);
  const share = (processes: number) => summarise(measured.get(name(processes))!.map((round) => round.smallestShare));
  return counts.flatMap((processes): Figure[] => {
    if (processes === 1) return [figure({ name: name(1), unit: 'messages/s', ours: perSecond(1), cost: cost(1) })];
    return [
      figure({
        name: name(processes),
        unit: 'messages/s',
        ours: perSecond(processes),
        cost: cost(processes),
        baseline: { name: `1 ${what}`, ...perSecond(1), cost: cost(1) },
        target: { of: 'ratio', atLeast: what === 'consumer' && processes === 2 ? 1 : 0.95 },
      }),
      figure({
        name: `${name(processes)}, smallest share (1 is even)`,
        unit: 'of the fair share',
        ours: share(processes),
        target: { of: 'value', atLeast: 0.8 },
      }),
    ];
  });
}
