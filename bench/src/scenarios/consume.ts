import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { CONCURRENCY } from '../library/orders';
import { Remote } from '../processes/remote';
import { clear, type ConsumerBacklog, drained, libraryBacklog, publishOrders, rawBacklog } from './consumer-backlog';
import { database } from './databases';
import { counting, LIBRARY } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const SINGLE = 'hand-written, one transaction per message';

/** How fast a consumer gets through a backlog. */
export const consume: Scenario = {
  name: 'consume',
  measures: 'draining a backlog with a one-insert handler, messages/s, against a hand-written consumer',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, rounds, progress } = context;
    const count = size(context, 50_000, 500);
    const amqpUrl = await stage.broker(cleanup);
    const ours = libraryBacklog({ amqpUrl, databaseUrl: await database(context, 'library-orders') });
    const raw = rawBacklog({ amqpUrl, databaseUrl: await database(context, 'raw-orders') });

    /** The consumer starts when its backlog is there, as after an outage. */
    const drain = async (backlog: ConsumerBacklog, begin: () => Promise<{ stop(): Promise<void> }>) => {
      await clear(backlog);
      await publishOrders(backlog, count);
      return counting(context, [backlog.databaseUrl], count, async () => {
        const consumer = await begin();
        try {
          return await drained(backlog, count);
        } finally {
          await consumer.stop();
        }
      });
    };
    const measured = await alternate(
      rounds,
      [
        { name: LIBRARY, measure: () => drain(ours, () => Remote.start('library-consumer', ours)) },
        {
          name: SINGLE,
          measure: () =>
            drain(raw, () =>
              Remote.start('raw-consumer', { ...raw, concurrency: CONCURRENCY, transactions: 'single' }),
            ),
        },
      ],
      (name, round, { result }) => progress.line(`  round ${round}: ${result.toFixed(0)}/s · ${name}`),
    );
    return {
      parameters: { messages: count, concurrency: CONCURRENCY, rejected: '0 %', groupCommit: false },
      figures: [
        figure({
          name: 'one transaction per message',
          unit: 'messages/s',
          ours: summarise(measured.get(LIBRARY)!.map(({ result }) => result)),
          baseline: { name: SINGLE, ...summarise(measured.get(SINGLE)!.map(({ result }) => result)) },
          statementsPerMessage: measured.get(LIBRARY)![0]!.statementsPerMessage,
          baselineStatementsPerMessage: measured.get(SINGLE)![0]!.statementsPerMessage,
          target: { of: 'ratio', atLeast: 2 },
          note: 'The target is for group commit, which the library does not have yet.',
        }),
      ],
    };
  },
};
