import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as lasts } from 'node:timers/promises';
import {
  Cleanup,
  type PostgresServer,
  startPostgres,
  startRabbit,
  startRabbitCluster,
  TcpProxy,
  until,
} from '@tallystick/services';
import { auditRig, type Rig, type RigProcess, type RigSettings, type Script, startRig } from '../rig';
import { Brokers } from './brokers';
import { Migrations } from './migrations';
import { planCluster, type PlannedRun, planMigrations, planOrder, planRuns, type Scope } from './plan';
import { type Action, BATCH_POINTS, isInBundle, MIGRATION_POINTS, ORDER_POINTS, type Point } from './points';
import { Stops } from './stops';

export interface CrashOptions {
  readonly scope: Scope;
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
  readonly runs: number;
  readonly points: number;
  readonly failures: readonly CrashFailure[];
  readonly seconds: number;
}

const LEASE_MS = 2_000;
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
const BALANCE = 1_000_000;
const UNATTENDED = 8;
/** More than one bundle holds. */
const CROWD = 80;

/** Something for the pruners: final rows and inbox rows from long ago, that belong to no purchase. */
const LONG_AGO = `
  with message as (
    insert into outbox_message (id, type, aggregatetype, payload, created_at)
    values (gen_random_uuid(), 'purchase.made', 'rig-producer', '{}', now() - interval '90 days')
    returning id
  )
  insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, verdict, settled_at)
  select id, 'rig-consumer', 'completed', 1, 'none', 'accepted', now() - interval '90 days' from message`;
const LONG_AGO_INBOX = `
  insert into inbox_message (consumer, message_id, verdict, source, received_at)
  values ('rig-consumer', gen_random_uuid(), 'accepted', 'rig-producer', now() - interval '90 days')`;

/**
 * Stops real processes at every step of a message, and there kills them, leaves them standing for two leases or cuts them
 * off; then asks both databases. Two producers and two consumers, so that somebody is there to take over.
 */
export async function runCrashMatrix({ scope, seed, onProgress = () => {} }: CrashOptions): Promise<CrashSummary> {
  return perform(
    [...planRuns(scope, seed), ...planOrder(scope), ...planMigrations(scope)],
    onProgress,
    async (cleanup) => {
      const postgres = await startPostgres({ onProgress }).then((server) => cleanup.stopLater(server));
      const rabbit = await startRabbit({ onProgress }).then((server) => cleanup.stopLater(server));
      const database = await proxyTo(postgres.port, cleanup);
      const broker = await proxyTo(rabbit.port, cleanup);
      const amqpUrl = new URL(await rabbit.createVhost('crash'));
      amqpUrl.port = String(broker.port);
      const stops = await stopsOf(cleanup);
      const rig = await rigOf(cleanup, SETTINGS, { postgres, database, amqpUrl: amqpUrl.href });
      const bench = new Bench(rig, { database, broker }, stops);
      await bench.start();
      const migrations = new Migrations(postgres, database, stops);
      return (run) => (MIGRATION_POINTS.some((point) => point === run.point) ? migrations : bench).perform(run);
    },
  );
}

/** The same with three brokers, where a message passes from a process to a queue or back: the queue's leader is lost there. */
export async function runClusterCrashes({
  onProgress = () => {},
}: Pick<CrashOptions, 'onProgress'> = {}): Promise<CrashSummary> {
  return perform(planCluster(), onProgress, async (cleanup) => {
    const postgres = await startPostgres({ onProgress }).then((server) => cleanup.stopLater(server));
    const cluster = cleanup.stopLater(await startRabbitCluster({ onProgress }));
    const database = await proxyTo(postgres.port, cleanup);
    const amqpUrls = await cluster.createVhost('crash');
    const stops = await stopsOf(cleanup);
    const rig = await rigOf(cleanup, CLUSTER_SETTINGS, { postgres, database, amqpUrl: amqpUrls.join(',') });
    const bench = new Bench(rig, { database, brokers: new Brokers(cluster, amqpUrls[0]!) }, stops);
    await bench.start();
    return (run) => bench.perform(run);
  });
}

/** @param setUp undone by its `cleanup`. @returns what performs one run and tells what was wrong */
async function perform(
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
  { postgres, database, amqpUrl }: { postgres: PostgresServer; database: TcpProxy; amqpUrl: string },
): Promise<Rig> {
  return cleanup.stopLater(
    await startRig({
      postgres,
      amqpUrl,
      databasePort: { producer: database.port, consumer: database.port },
      producers: 2,
      consumers: 2,
      options,
      start: false,
    }),
  );
}

/** What processes reach each other through. Several brokers are reached past a proxy: what happens between them counts. */
interface Networks {
  readonly database: TcpProxy;
  readonly broker?: TcpProxy;
  readonly brokers?: Brokers;
}

function isOfBatch(point: Point): boolean {
  return BATCH_POINTS.some((each) => each === point);
}

/** In one line: an accepted, a rejected and a failing one that are followed up, and several that are not. */
const IN_LINE: readonly Script[] = [
  ...Array.from({ length: 3 }, () => ({ inLine: true, noFollowUp: true })),
  { inLine: true },
  { inLine: true, reject: 'OUT_OF_STOCK' },
  { inLine: true, failTimes: 1 },
  ...Array.from({ length: 3 }, () => ({ inLine: true, noFollowUp: true })),
];
/** It is parked, and a person has to discard it. */
const POISON = { inLine: true, noFollowUp: true, poison: 'invalid-payload' } as const;

function isOfOrder(point: Point): boolean {
  return ORDER_POINTS.some((each) => each === point);
}

class Bench {
  private accountId = '';
  private readonly acknowledged: string[] = [];

  constructor(
    private readonly rig: Rig,
    private readonly networks: Networks,
    private readonly stops: Stops,
  ) {}

  async start(): Promise<void> {
    await Promise.all(this.rig.all.map((process) => this.launch(process)));
    this.accountId = await this.rig.openAccount(BALANCE);
  }

  /** @returns what is wrong. @throws Error if the point was not reached */
  async perform({ point, action }: PlannedRun): Promise<string[]> {
    // After a batch that was undone, a process takes its messages one by one for a while; a new one does not know of it.
    if (isOfBatch(point)) await this.replaceConsumers();
    await this.stops.arm(point);
    const stopping = this.stopped(point);
    const recording = isInBundle(point) ? this.recordCrowds(stopping) : this.record(point);
    const process = await stopping;
    try {
      await this.act(action, process, point);
      await recording;
      // Who sees of others only some stops too (`pause_minority`): it may be that nobody serves until the cut is over.
      if (action === 'the leader of its queue cut off') await this.networks.brokers!.whole();
      await this.rig.settled();
    } finally {
      await this.networks.brokers?.whole();
    }
    return [...(await this.audit()), ...this.rig.problems];
  }

  /**
   * An accepted, a rejected and a failing one (which a claim has to take up again). Some of it may well be interrupted.
   * Several that nobody follows up: one whose row is locked just then is closed alone instead of in a batch. Where a batch
   * is to be stopped they take a moment, so that those that come meanwhile gather.
   */
  private async record(point: Point): Promise<void> {
    if (point === 'outbox pruned') await this.rig.query('producer', LONG_AGO);
    if (point === 'inbox pruned') await this.rig.query('consumer', LONG_AGO_INBOX);
    if (point === 'discarded, and the next one not looked for') return this.recordBehindPoison();
    if (isOfOrder(point)) return this.recordAll(IN_LINE);
    const unattended = Array.from({ length: UNATTENDED }, () => ({
      noFollowUp: true,
      ...(isOfBatch(point) && { delayMs: 300 }),
    }));
    await this.recordAll([{}, { reject: 'OUT_OF_STOCK' }, { failTimes: 1 }, ...unattended]);
  }

  private async recordBehindPoison(): Promise<void> {
    const [producer] = this.rig.producers;
    const poison = await this.rig.record({ accountId: this.accountId, amount: 10, script: POISON }, producer);
    this.acknowledged.push(poison.purchaseId);
    await this.recordAll(IN_LINE);
    await this.rig.reaches(poison.messageId, 'parked');
    // It is done when its process stops; whether it hears so is another matter.
    await producer.send('POST', `messages/${poison.messageId}/discard`, { force: true }).catch(() => undefined);
  }

  private async recordAll(scripts: readonly Script[]): Promise<void> {
    await Promise.all(
      scripts.map(async (script, index) => {
        const producer = this.rig.producers[index % this.rig.producers.length]!;
        const recorded = this.rig.record({ accountId: this.accountId, amount: 10, script }, producer);
        const purchase = await recorded.catch(() => undefined);
        if (purchase) this.acknowledged.push(purchase.purchaseId);
      }),
    );
  }

  /**
   * What travels together must be ready together, and its consumer must have asked for that: many in one transaction, again and
   * again, of both kinds, until one process stands still.
   */
  private async recordCrowds(stopping: Promise<unknown>): Promise<void> {
    let stopped = false;
    void stopping.catch(() => undefined).then(() => (stopped = true));
    await Promise.all(
      this.rig.producers.map(async (producer) => {
        for (let round = 0; !stopped; round++) {
          const crowd = { accountId: this.accountId, amount: 10, count: CROWD, perTransaction: CROWD, concurrency: 1 };
          const script = round % 2 === 0 ? {} : { noFollowUp: true };
          const recorded = await this.rig.recordMany({ ...crowd, script }, producer).catch(() => []);
          this.acknowledged.push(...recorded.map(({ purchaseId }) => purchaseId));
          // More than can be handled would only be waited for in the end.
          await until('the crowd has gone', async () => stopped || (await this.open()) < CROWD, { timeoutMs: 60_000 });
        }
      }),
    );
  }

  private async open(): Promise<number> {
    const sql = 'select count(*)::int as open from outbox_delivery where settled_at is null';
    return (await this.rig.query<{ open: number }>('producer', sql))[0]!.open;
  }

  /** The process that stands still at the point. */
  private async stopped(point: Point): Promise<RigProcess> {
    const pid = await this.stops.reached(point);
    return this.rig.all.find((process) => process.pid === pid)!;
  }

  private async act(action: Action, process: RigProcess, point: Point): Promise<void> {
    switch (action) {
      case 'killed':
        await process.kill('SIGKILL');
        return this.launch(process);
      case 'paused for two leases':
        await lasts(2 * LEASE_MS);
        return process.kill('SIGCONT');
      case 'cut off from its database':
        this.networks.database.cut();
        return process.kill('SIGCONT');
      case 'cut off from the broker':
        this.networks.broker!.cut();
        return process.kill('SIGCONT');
      case 'the leader of its queue killed':
      case 'the leader of its queue cut off':
        await this.networks.brokers!.strike(action, point);
        return process.kill('SIGCONT');
      default:
        return action satisfies never;
    }
  }

  /** What was there from long ago must have gone: it belongs to no purchase. */
  private async audit(): Promise<string[]> {
    let problems: string[] = [];
    const clean = async (): Promise<boolean> => {
      problems = await auditRig(this.rig, { acknowledged: this.acknowledged });
      return problems.length === 0;
    };
    await until('both databases agree', clean, { timeoutMs: 10_000, everyMs: 500 }).catch(() => undefined);
    return problems;
  }

  private async replaceConsumers(): Promise<void> {
    await Promise.all(
      this.rig.consumers.map(async (consumer) => {
        await consumer.kill('SIGKILL');
        await this.launch(consumer);
      }),
    );
  }

  private launch(process: RigProcess): Promise<void> {
    return process.start(this.stops.launchOptions);
  }
}
