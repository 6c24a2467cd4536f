import { type Figure, figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { CONCURRENCY } from '../library/orders';
import { Remote } from '../processes/remote';
import { clear, type ConsumerBacklog, drained, libraryBacklog, publishOrders, rawBacklog } from './consumer-backlog';
import { costing, type Measured, medianCost } from './cost';
import { database } from './databases';
import { HANDLERS, LIBRARY, LIBRARY_ARRAYS, LIBRARY_GROUPED, type LibraryName } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const SINGLE = 'hand-written, one transaction per message';

/** How fast a consumer gets through a backlog. */
export const consume: Scenario = {
  name: 'consume',
  measures: 'draining a backlog with a one-insert handler, messages/s, with and without group commit',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, rounds, progress } = context;
    const count = size(context, 20_000, 200);
    // Rates are compared, so what is slow need not drain as much.
    const [alone, rejected] = [Math.ceil(count / 5), Math.ceil(count / 25)];
    const amqpUrl = await stage.broker(cleanup);
    const ours = libraryBacklog({ amqpUrl, databaseUrl: await database(context, 'library-orders') });
    const raw = rawBacklog({ amqpUrl, databaseUrl: await database(context, 'raw-orders') });

    /** The consumer starts when its backlog is there, as after an outage. */
    const drain = async (backlog: ConsumerBacklog, count: number, begin: () => Promise<Service>) => {
      await clear(backlog);
      await publishOrders(backlog, count);
      const place = { databases: [backlog.databaseUrl], processes: {} };
      let consumer: Service | undefined;
      try {
        return await costing(context, place, count, async (watch) => {
          consumer = await begin();
          await watch({ consumer: consumer.pid });
          return drained(backlog, count);
        });
      } finally {
        await consumer?.stop();
      }
    };
    const library = (name: LibraryName, count: number, rejectEvery?: number) => ({
      name,
      measure: () =>
        drain(ours, count, () => Remote.start('library-consumer', { ...ours, handler: HANDLERS[name], rejectEvery })),
    });
    const told =
      (rejected: string) =>
      (name: string, round: number, { result }: { result: number }) =>
        progress.line(`  round ${round}: ${result.toFixed(0)}/s · ${name} · ${rejected} rejected`);

    const accepted = await alternate(
      rounds,
      [
        library(LIBRARY, alone),
        library(LIBRARY_GROUPED, count),
        library(LIBRARY_ARRAYS, count),
        {
          name: SINGLE,
          measure: () =>
            drain(raw, count, () =>
              Remote.start('raw-consumer', { ...raw, concurrency: CONCURRENCY, transactions: 'single' }),
            ),
        },
      ],
      told('0 %'),
    );
    const figures = [
      against(accepted, LIBRARY, SINGLE, '0 % rejected'),
      against(accepted, LIBRARY_GROUPED, SINGLE, '0 % rejected', 2),
      against(accepted, LIBRARY_GROUPED, LIBRARY, '0 % rejected', 0.9),
      against(accepted, LIBRARY_ARRAYS, SINGLE, '0 % rejected', 2),
    ];
    for (const [share, every] of [
      ['2 %', 50],
      ['10 %', 10],
    ] as const) {
      const measured = await alternate(
        rounds,
        ([LIBRARY, LIBRARY_GROUPED, LIBRARY_ARRAYS] as const).map((name) => library(name, rejected, every)),
        told(share),
      );
      for (const sharing of [LIBRARY_GROUPED, LIBRARY_ARRAYS])
        figures.push(against(measured, sharing, LIBRARY, `${share} rejected`, 0.9));
    }
    return {
      parameters: { messages: count, messagesAlone: alone, messagesWithRejections: rejected, concurrency: CONCURRENCY },
      figures,
    };
  },
};

interface Service {
  readonly pid: number;
  stop(): Promise<void>;
}

function against(
  measured: ReadonlyMap<string, readonly Measured<number>[]>,
  ours: string,
  baseline: string,
  rejected: string,
  atLeast?: number,
): Figure {
  const [own, other] = [measured.get(ours)!, measured.get(baseline)!];
  return figure({
    name: `${ours}, ${rejected}`,
    unit: 'messages/s',
    ours: summarise(own.map(({ result }) => result)),
    cost: medianCost(own),
    baseline: { name: baseline, ...summarise(other.map(({ result }) => result)), cost: medianCost(other) },
    target: atLeast === undefined ? undefined : { of: 'ratio', atLeast },
  });
}
