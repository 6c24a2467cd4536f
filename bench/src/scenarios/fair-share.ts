import { newOrder } from '../business/load';
import { USERS } from '../business/order-requested';
import { type Chart, figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { withClient } from '../engines/postgres';
import { latencies, quantile, summarise } from '../harness/statistics';
import { database, LIBRARY_TABLES, truncate } from './databases';
import { PRODUCER_POOL, start } from './pairs';
import type { Context, Findings } from './scenario';

const ALONE = 'alone';
const BESIDE = 'beside a consumer that was never started';
const SHARES = Array.from({ length: 100 }, (_, index) => index / 100);

/** Rows for somebody who has no queue. They have been tried a few times, so their back-off has spread them over ten seconds. */
const FILL_FOR_NOBODY = `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
  select gen_random_uuid(), '${USERS}', $2::json ->> 'userId', 'order.requested', $2::json
  from generate_series(1, $1::int)
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, next_at, follow_up)
select id, 'bench-nobody', 'pending', 4, clock_timestamp() + random() * interval '10 s', 'none'
from added -- bench`;

/** What the messages to one consumer notice of a backlog for another that cannot be reached. */
export async function fairShare(
  context: Context,
  rounds: number,
): Promise<Required<Pick<Findings, 'figures' | 'charts'>>> {
  const { stage, cleanup, progress, small } = context;
  const load = { perSecond: 100, seconds: small ? 0.5 : 3 };
  const stuck = small ? 200 : 5_000;
  const amqpUrl = await stage.broker(cleanup);
  const [users, orders] = [await database(context, 'library-users'), await database(context, 'library-orders')];
  await start(context, 'library-consumer', { databaseUrl: orders, amqpUrl });
  const producer = await start(context, 'library-producer', { databaseUrl: users, amqpUrl, poolSize: PRODUCER_POOL });
  await producer.call('roundTrips', { count: small ? 32 : 500, concurrency: 16 });

  const measure = async (rows: number): Promise<readonly number[]> => {
    await truncate(users, LIBRARY_TABLES);
    if (rows > 0) {
      await withClient(users, (client) => client.query(FILL_FOR_NOBODY, [rows, JSON.stringify(newOrder(1))]));
    }
    return (await producer.call('atRate', load)).latenciesMs;
  };
  const measured = await alternate(
    rounds,
    [
      { name: BESIDE, measure: () => measure(stuck) },
      { name: ALONE, measure: () => measure(0) },
    ],
    (name, round, found) => {
      const { p50, p99 } = latencies(found);
      progress.line(`  round ${round}: p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms · ${name}`);
    },
  );
  const summary = (name: string, percentile: 'p50' | 'p99') =>
    summarise(measured.get(name)!.map((found) => latencies(found)[percentile]));
  const figures = (['p50', 'p99'] as const).map((percentile) =>
    figure({
      name: `${stuck} rows that nobody takes, ${percentile} of the others`,
      unit: 'ms',
      ours: summary(BESIDE, percentile),
      baseline: { name: ALONE, ...summary(ALONE, percentile) },
    }),
  );
  const distribution: Chart = {
    name: 'backlog-share',
    title: `Commit → completed, ${stuck} rows for another consumer that was never started`,
    x: { name: '% of the purchases took at most' },
    y: { name: 'ms', log: true },
    series: [BESIDE, ALONE].map((name) => {
      const sorted = measured
        .get(name)!
        .flat()
        .sort((a, b) => a - b);
      return { name, points: SHARES.map((share) => [share * 100, Math.max(1, quantile(sorted, share))] as const) };
    }),
  };
  return { figures, charts: [distribution] };
}
