import type { OutboxModuleOptions } from '@tallystick/outbox';
import { DataSource } from 'typeorm';
import { newOrder } from '../business/load';
import type { OrderRequested } from '../business/order-requested';
import { USERS_TABLES } from '../business/sql';
import { ENGINES } from '../engines/engine';
import { connection } from '../engines/typeorm';
import { figure, type Figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { LibraryProducer } from '../library/producer';
import { pay } from '../library/purchases';
import { costing, medianCost } from './cost';
import { database, LIBRARY_TABLES, truncate } from './databases';
import { type Context, type Findings, goal, type Scenario, size, WARM_UP } from './scenario';

type Statements = 2 | 4;
type Buy = (order: OrderRequested, statements: Statements) => Promise<unknown>;

interface Case {
  readonly clients: number;
  readonly statements: Statements;
  /** Of the ratio. */
  readonly atLeast?: number;
}

const CASES: readonly Case[] = [
  { clients: 1, statements: 2 },
  { clients: 1, statements: 4, atLeast: 0.9 },
  { clients: 16, statements: 2 },
  { clients: 16, statements: 4, atLeast: 0.9 },
];
const POOL = 16;
/** The relay has scenarios of its own; here it would only take the processor away from what is measured. */
const RECORDS_ONLY: Partial<OutboxModuleOptions> = { relay: false };

/** What the message costs the business transaction. */
export const record: Scenario = {
  name: 'record',
  engines: ENGINES,
  rounds: 5,
  measures: 'business transactions/s with the message, against the same transaction through plain TypeORM without it',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup } = context;
    const count = size(context, 2_000, 100);
    const [withUrl, withoutUrl] = [await database(context, 'library-users'), await database(context, 'plain-users')];
    const producer = new LibraryProducer({
      databaseUrl: withUrl,
      amqpUrl: await stage.broker(cleanup),
      poolSize: POOL,
      outbox: RECORDS_ONLY,
    });
    await producer.start();
    cleanup.stopLater(producer);
    const plain = await new DataSource(connection(withoutUrl, POOL)).initialize();
    cleanup.defer(() => plain.destroy());

    const sides: readonly { name: string; url: string; tables: string[]; buy: Buy }[] = [
      {
        name: 'with',
        url: withUrl,
        tables: [...USERS_TABLES, ...LIBRARY_TABLES],
        buy: (order, statements) => producer.purchase(order, statements),
      },
      {
        name: 'without',
        url: withoutUrl,
        tables: USERS_TABLES,
        buy: (order, statements) => plain.transaction((manager) => pay(manager, order, statements)),
      },
    ];
    if (!context.small) {
      // Both run in this one process, and short transactions are compiled late: they get faster for the first fifteen thousand.
      for (const { buy } of sides) await repeat(buy, { clients: POOL, statements: 4, messages: 2 * WARM_UP });
    }
    const figures: Figure[] = [];
    for (const each of CASES) {
      const messages = each.clients === 1 ? Math.ceil(count / 2) : count;
      const measured = await alternate(
        context.rounds,
        sides.map(({ name, url, tables, buy }) => ({
          name,
          measure: async () => {
            await truncate(url, tables);
            await repeat(buy, { ...each, messages: Math.ceil(messages / 10) });
            const place = { databases: [url], processes: { application: process.pid } };
            return costing(context, place, messages, () => repeat(buy, { ...each, messages }));
          },
        })),
        (name, round, { result }) =>
          context.progress.line(`  round ${round}: ${label(each)}: ${result.toFixed(0)}/s · ${name} the message`),
      );
      const summary = (name: string) => summarise(measured.get(name)!.map(({ result }) => result));
      const cost = (name: string) => medianCost(measured.get(name)!);
      figures.push(
        figure({
          name: label(each),
          unit: 'transactions/s',
          ours: summary('with'),
          cost: cost('with'),
          baseline: {
            name: 'the same transaction through TypeORM, without the message',
            ...summary('without'),
            cost: cost('without'),
          },
          ...goal(context, each.atLeast),
        }),
      );
    }
    return { parameters: { transactions: count, pool: POOL, relay: false }, figures };
  },
};

function label({ clients, statements }: Case): string {
  return `${clients} client${clients > 1 ? 's' : ''}, ${statements} statements`;
}

/** @returns transactions per second */
async function repeat(buy: Buy, { clients, statements, messages }: Case & { messages: number }): Promise<number> {
  const began = performance.now();
  let left = messages;
  const client = async (): Promise<void> => {
    while (left-- > 0) await buy(newOrder(left), statements);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (messages / (performance.now() - began)) * 1000;
}
