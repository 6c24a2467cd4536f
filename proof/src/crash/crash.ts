import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as lasts } from 'node:timers/promises';
import { Cleanup, startPostgres, startRabbit, TcpProxy, until } from '@tallystick/services';
import { auditRig, type Rig, type RigProcess, type RigSettings, startRig } from '../rig';
import { Migrations } from './migrations';
import { type PlannedRun, planMigrations, planRuns, type Scope } from './plan';
import { type Action, MIGRATION_POINTS, type Point } from './points';
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
const BALANCE = 1_000_000;
const UNATTENDED = 6;

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
export async function runCrashMatrix(options: CrashOptions): Promise<CrashSummary> {
  const { scope, seed, onProgress = () => {} } = options;
  const plan = [...planRuns(scope, seed), ...planMigrations(scope)];
  const began = performance.now();
  const cleanup = new Cleanup();
  const failures: CrashFailure[] = [];
  try {
    const { bench, migrations } = await setUp(cleanup, onProgress);
    for (const [index, run] of plan.entries()) {
      const stage = MIGRATION_POINTS.some((point) => point === run.point) ? migrations : bench;
      const problems = await stage.perform(run).catch((error: Error) => [error.message]);
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

async function setUp(
  cleanup: Cleanup,
  onProgress: (line: string) => void,
): Promise<{ bench: Bench; migrations: Migrations }> {
  const [postgres, rabbit] = await Promise.all([
    startPostgres({ onProgress }).then((server) => cleanup.stopLater(server)),
    startRabbit({ onProgress }).then((server) => cleanup.stopLater(server)),
  ]);
  const [database, broker] = [postgres, rabbit].map(({ port }) => new TcpProxy({ targetPort: port })) as [
    TcpProxy,
    TcpProxy,
  ];
  for (const proxy of [database, broker]) {
    cleanup.defer(() => proxy.close());
    await proxy.listen();
  }
  const directory = await mkdtemp(join(tmpdir(), 'tallystick-crash-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  cleanup.defer(remove);
  process.once('exit', remove); // also after Ctrl-C
  const amqpUrl = new URL(await rabbit.createVhost('crash'));
  amqpUrl.port = String(broker.port);
  const rig = cleanup.stopLater(
    await startRig({
      postgres,
      amqpUrl: amqpUrl.href,
      databasePort: { producer: database.port, consumer: database.port },
      producers: 2,
      consumers: 2,
      options: SETTINGS,
      start: false,
    }),
  );
  const stops = new Stops(directory);
  const bench = new Bench(rig, { database, broker }, stops);
  await bench.start();
  return { bench, migrations: new Migrations(postgres, database, stops) };
}

class Bench {
  private accountId = '';
  private readonly acknowledged: string[] = [];

  constructor(
    private readonly rig: Rig,
    private readonly networks: { readonly database: TcpProxy; readonly broker: TcpProxy },
    private readonly stops: Stops,
  ) {}

  async start(): Promise<void> {
    await Promise.all(this.rig.all.map((process) => this.launch(process)));
    this.accountId = await this.rig.openAccount(BALANCE);
  }

  /** @returns what is wrong. @throws Error if the point was not reached */
  async perform({ point, action }: PlannedRun): Promise<string[]> {
    await this.stops.arm(point);
    const recording = this.record(point);
    const process = await this.stopped(point);
    await this.act(action, process);
    await recording;
    await this.rig.settled();
    return [...(await this.audit()), ...this.rig.problems];
  }

  /**
   * An accepted, a rejected and a failing one (which a claim has to take up again). Some of it may well be interrupted.
   * Several that nobody follows up: one whose row is locked just then is closed alone instead of in a batch.
   */
  private async record(point: Point): Promise<void> {
    if (point === 'outbox pruned') await this.rig.query('producer', LONG_AGO);
    if (point === 'inbox pruned') await this.rig.query('consumer', LONG_AGO_INBOX);
    const unattended = Array.from({ length: UNATTENDED }, () => ({ noFollowUp: true }));
    const scripts = [{}, { reject: 'OUT_OF_STOCK' }, { failTimes: 1 }, ...unattended];
    await Promise.all(
      scripts.map(async (script, index) => {
        const producer = this.rig.producers[index % this.rig.producers.length]!;
        const recorded = this.rig.record({ accountId: this.accountId, amount: 10, script }, producer);
        const purchase = await recorded.catch(() => undefined);
        if (purchase) this.acknowledged.push(purchase.purchaseId);
      }),
    );
  }

  /** The process that stands still at the point. */
  private async stopped(point: Point): Promise<RigProcess> {
    const pid = await this.stops.reached(point);
    return this.rig.all.find((process) => process.pid === pid)!;
  }

  private async act(action: Action, process: RigProcess): Promise<void> {
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
        this.networks.broker.cut();
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

  private launch(process: RigProcess): Promise<void> {
    return process.start(this.stops.launchOptions);
  }
}
