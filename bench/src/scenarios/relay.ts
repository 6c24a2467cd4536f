import { randomUUID } from 'node:crypto';
import { OUTBOX_TABLES } from '../baselines/schema';
import { newOrder } from '../business/load';
import { USERS } from '../business/order-requested';
import { ENGINES } from '../engines/engine';
import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { costing, medianCost } from './cost';
import { database, LIBRARY_TABLES } from './databases';
import { type Backlog, drainOutbox, emptyQueue, LIBRARY_ORDERS, publishBacklog, RAW_ORDERS } from './drain';
import { FILL_LIBRARY, FILL_RAW } from './fill';
import { LIBRARY, start } from './pairs';
import { type Context, type Findings, goal, type Scenario, size } from './scenario';

const LOOP = 'hand-written loop: claim 500, pipelined confirms, one mark';
const BARE = 'pipelined confirms without a database';

/** How fast a backlog leaves the outbox. */
export const relay: Scenario = {
  name: 'relay',
  engines: ENGINES,
  rounds: 5,
  measures: 'draining due deliveries, messages/s, against a hand-written loop and against publishing alone',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, rounds, progress } = context;
    const count = size(context, 30_000, 500);
    const amqpUrl = await stage.broker(cleanup);
    const [ours, raw] = [await database(context, 'library-users'), await database(context, 'raw-users')];
    await emptyQueue(amqpUrl, LIBRARY_ORDERS);
    // An idle relay looks once a second; here it should notice the backlog as soon as the hand-written one.
    const outbox = { pollInterval: 50 };
    const relay = await start(context, 'library-producer', { databaseUrl: ours, amqpUrl, poolSize: 2, outbox });
    const byHand = await start(context, 'raw-relay', { databaseUrl: raw, amqpUrl });

    const library: Backlog = {
      databaseUrl: ours,
      fill: FILL_LIBRARY[stage.engine],
      tables: LIBRARY_TABLES,
      sentIn: 'outbox_delivery',
    };
    const loop: Backlog = { databaseUrl: raw, fill: FILL_RAW[stage.engine], tables: OUTBOX_TABLES, sentIn: 'outbox' };
    const drain = async (backlog: Backlog, { pid }: { pid: number }, count: number) => {
      for (const queue of [LIBRARY_ORDERS, RAW_ORDERS]) await emptyQueue(amqpUrl, queue);
      const place = { databases: [backlog.databaseUrl], processes: { relay: pid } };
      return costing(context, place, count, () => drainOutbox(backlog, count));
    };
    const bare = async () => {
      await emptyQueue(amqpUrl, RAW_ORDERS);
      const body = JSON.stringify(newOrder(1));
      const message = () => ({ body, properties: { messageId: randomUUID(), type: 'order.requested', appId: USERS } });
      const place = { databases: [], processes: { relay: process.pid } };
      return costing(context, place, count, () => publishBacklog(amqpUrl, RAW_ORDERS, count, message));
    };
    await drain(library, relay, Math.ceil(count / 10)); // warm
    await drain(loop, byHand, Math.ceil(count / 10));

    const measured = await alternate(
      rounds,
      [
        { name: LIBRARY, measure: () => drain(library, relay, count) },
        { name: LOOP, measure: () => drain(loop, byHand, count) },
        { name: BARE, measure: bare },
      ],
      (name, round, { result }) => progress.line(`  round ${round}: ${result.toFixed(0)}/s · ${name}`),
    );
    const against = (name: string, atLeast: number) =>
      figure({
        name: `against ${name.split(':')[0]}`,
        unit: 'messages/s',
        ours: summarise(measured.get(LIBRARY)!.map(({ result }) => result)),
        cost: medianCost(measured.get(LIBRARY)!),
        baseline: {
          name,
          ...summarise(measured.get(name)!.map(({ result }) => result)),
          cost: medianCost(measured.get(name)!),
        },
        ...goal(context, atLeast),
      });
    return { parameters: { messages: count }, figures: [against(LOOP, 1.1), against(BARE, 0.6)] };
  },
};
