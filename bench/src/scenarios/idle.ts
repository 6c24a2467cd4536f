import { setTimeout as sleep } from 'node:timers/promises';
import { figure, type Figure } from '../harness/result';
import { total } from '../engines/statements';
import { summarise } from '../harness/statistics';
import type { Remote } from '../processes/remote';
import { database } from './databases';
import { PRODUCER_POOL, start } from './pairs';
import { type Context, type Findings, type Scenario } from './scenario';

type Service = Remote<'library-producer'> | Remote<'library-consumer'>;

/** What a service costs that has nothing to do. */
export const idle: Scenario = {
  name: 'idle',
  measures: 'queries/s and processor time of a service that has nothing to do',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, small } = context;
    const seconds = small ? 1 : 5;
    const amqpUrl = await stage.broker(cleanup);
    const [users, orders] = [await database(context, 'library-users'), await database(context, 'library-orders')];
    const producer = await start(context, 'library-producer', {
      databaseUrl: users,
      amqpUrl,
      poolSize: PRODUCER_POOL,
    });
    const consumer = await start(context, 'library-consumer', { databaseUrl: orders, amqpUrl });
    await sleep(small ? 0 : 3_000); // until the polling has slowed down, and the start is over
    const figures = [
      ...(await watch(context, 'producer', producer, users, seconds)),
      ...(await watch(context, 'consumer', consumer, orders, seconds)),
    ];
    return { parameters: { seconds }, figures };
  },
};

async function watch(
  { stage, rounds, progress }: Context,
  name: string,
  service: Service,
  databaseUrl: string,
  seconds: number,
): Promise<Figure[]> {
  const queries: number[] = [];
  const processor: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await stage.statements.reset([databaseUrl]);
    const before = await (service as Remote<'library-consumer'>).call('usage');
    await sleep(seconds * 1000);
    const after = await (service as Remote<'library-consumer'>).call('usage');
    const counted = await stage.statements.read([databaseUrl]);
    const elapsedMs = after.atMs - before.atMs;
    processor.push(((after.cpuMs - before.cpuMs) / elapsedMs) * 100);
    if (counted) queries.push((total(counted) / elapsedMs) * 1000);
    progress.line(
      `  round ${round}: ${queries.at(-1)?.toFixed(2)} queries/s, ${processor.at(-1)!.toFixed(2)} % · ${name}`,
    );
  }
  const line = (what: string, unit: string, values: number[], atMost: number): Figure =>
    figure({ name: `${name}, ${what}`, unit, ours: summarise(values), target: { of: 'value', atMost } });
  return [
    ...(queries.length > 0 ? [line('queries', 'queries/s', queries, 1)] : []),
    line('processor', '% of a core', processor, 1),
  ];
}
