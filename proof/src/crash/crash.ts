import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cleanup, startRabbit, startRabbitCluster, TcpProxy } from '@tallystick/services';
import { type DatabaseKind, DATABASES, type Rig, type RigServer, type RigSettings, startRig } from '../rig';
import { Bench, LEASE_MS } from './bench';
import { Brokers } from './brokers';
import { Migrations } from './migrations';
import { planCluster, planMatrix, type PlannedRun, type Scope } from './plan';
import { type Action, MIGRATION_POINTS, type Point } from './points';
import { Stops } from './stops';

export interface CrashOptions {
  readonly scope: Scope;
  /** @default 'postgres' */
  readonly database?: DatabaseKind;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface CrashFailure {
  readonly point: Point;
  readonly action: Action;
  readonly problems: readonly string[];
}

/** Plain data: it survives `JSON.stringify`. */
export interface CrashSummary {
  readonly ok: boolean;
  readonly database: DatabaseKind;
  readonly runs: number;
  readonly points: number;
  readonly failures: readonly CrashFailure[];
  readonly seconds: number;
}

const SETTINGS: RigSettings = {
  outbox: { lease: LEASE_MS, handlerTimeout: '5s' },
  rabbitMq: { publishTimeout: '900ms' },
  logLevel: 'error',
};
/** Every confirm is the word of two brokers and their disks, and a new leader is elected first. */
const CLUSTER_SETTINGS: RigSettings = {
  ...SETTINGS,
  outbox: { lease: '12s', handlerTimeout: '5s' },
  rabbitMq: { publishTimeout: '5s' },
};

/**
 * Stops real processes at every step of a message, and there kills them, leaves them standing for two leases or cuts them
 * off; then asks both databases. Two producers and two consumers, so that somebody is there to take over.
 */
export async function runCrashMatrix({
  scope,
  seed,
  database: kind = 'postgres',
  onProgress = () => {},
}: CrashOptions): Promise<CrashSummary> {
  return perform(kind, planMatrix(scope, seed), onProgress, async (cleanup) => {
    const server = cleanup.stopLater(await DATABASES[kind].startServer(onProgress));
    const rabbit = cleanup.stopLater(await startRabbit({ onProgress }));
    const database = await proxyTo(server.port, cleanup);
    const broker = await proxyTo(rabbit.port, cleanup);
    const amqpUrl = new URL(await rabbit.createVhost('crash'));
    amqpUrl.port = String(broker.port);
    const stops = await stopsOf(cleanup);
    const rig = await rigOf(cleanup, SETTINGS, { server, database, amqpUrl: amqpUrl.href });
    const bench = new Bench(rig, { database, broker }, stops);
    await bench.start();
    const migrations = new Migrations(server, database, stops);
    return (run) => (MIGRATION_POINTS.some((point) => point === run.point) ? migrations : bench).perform(run);
  });
}

/** The same with three brokers, where a message passes from a process to a queue or back: the queue's leader is lost there. */
export async function runClusterCrashes({
  onProgress = () => {},
}: Pick<CrashOptions, 'onProgress'> = {}): Promise<CrashSummary> {
  return perform('postgres', planCluster(), onProgress, async (cleanup) => {
    const server = cleanup.stopLater(await DATABASES.postgres.startServer(onProgress));
    const cluster = cleanup.stopLater(await startRabbitCluster({ onProgress }));
    const database = await proxyTo(server.port, cleanup);
    const amqpUrls = await cluster.createVhost('crash');
    const stops = await stopsOf(cleanup);
    const rig = await rigOf(cleanup, CLUSTER_SETTINGS, { server, database, amqpUrl: amqpUrls.join(',') });
    const bench = new Bench(rig, { database, brokers: new Brokers(cluster, amqpUrls[0]!) }, stops);
    await bench.start();
    return (run) => bench.perform(run);
  });
}

/** @param setUp undone by its `cleanup`. @returns what performs one run and tells what was wrong */
async function perform(
  database: DatabaseKind,
  plan: readonly PlannedRun[],
  onProgress: (line: string) => void,
  setUp: (cleanup: Cleanup) => Promise<(run: PlannedRun) => Promise<string[]>>,
): Promise<CrashSummary> {
  const began = performance.now();
  const cleanup = new Cleanup();
  const failures: CrashFailure[] = [];
  try {
    const performOne = await setUp(cleanup);
    for (const [index, run] of plan.entries()) {
      const problems = await performOne(run).catch((error: Error) => [error.message]);
      const result = problems.length === 0 ? 'held' : problems.join(' · ');
      onProgress(`${index + 1} of ${plan.length}: ${run.point}, ${run.action}: ${result}`);
      if (problems.length > 0) failures.push({ ...run, problems });
    }
  } finally {
    await cleanup.run();
  }
  return {
    ok: failures.length === 0,
    database,
    runs: plan.length,
    points: new Set(plan.map(({ point }) => point)).size,
    failures,
    seconds: Math.round((performance.now() - began) / 1_000),
  };
}

async function proxyTo(targetPort: number, cleanup: Cleanup): Promise<TcpProxy> {
  const proxy = new TcpProxy({ targetPort });
  cleanup.defer(() => proxy.close());
  await proxy.listen();
  return proxy;
}

async function stopsOf(cleanup: Cleanup): Promise<Stops> {
  const directory = await mkdtemp(join(tmpdir(), 'tallystick-crash-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  cleanup.defer(remove);
  process.once('exit', remove); // also after Ctrl-C
  return new Stops(directory);
}

async function rigOf(
  cleanup: Cleanup,
  options: RigSettings,
  { server, database, amqpUrl }: { server: RigServer; database: TcpProxy; amqpUrl: string },
): Promise<Rig> {
  return cleanup.stopLater(
    await startRig({
      server,
      amqpUrl,
      databasePort: { producer: database.port, consumer: database.port },
      producers: 2,
      consumers: 2,
      options,
      start: false,
    }),
  );
}
