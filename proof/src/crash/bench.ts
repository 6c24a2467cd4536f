import { setTimeout as lasts } from 'node:timers/promises';
import { type TcpProxy, until } from '@tallystick/services';
import { auditRig, type Rig, type RigProcess, type Script } from '../rig';
import type { Brokers } from './brokers';
import { somethingToPrune } from './long-ago';
import type { PlannedRun } from './plan';
import { type Action, BATCH_POINTS, isInBundle, ORDER_POINTS, type Point } from './points';
import type { Stops } from './stops';

export const LEASE_MS = 2_000;
const BALANCE = 1_000_000;
const UNATTENDED = 8;
/** More than one bundle holds. */
const CROWD = 80;

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

/** A rig, one of whose processes is stopped at a point and then struck. */
export class Bench {
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
   * is to be stopped they are recorded together and take a moment, so that some gather while the first is handled.
   */
  private async record(point: Point): Promise<void> {
    await somethingToPrune(this.rig, point);
    if (point === 'discarded, and the next one not looked for') return this.recordBehindPoison();
    if (isOfOrder(point)) return this.recordAll(IN_LINE);
    const endings: Script[] = [{}, { reject: 'OUT_OF_STOCK' }, { failTimes: 1 }];
    const noted = Array.from({ length: UNATTENDED }, (): Script => ({ noFollowUp: true }));
    if (!isOfBatch(point)) return this.recordAll([...endings, ...noted]);
    await Promise.all([this.recordAll(endings), this.recordTogether({ noFollowUp: true, delayMs: 100 })]);
  }

  private async recordTogether(script: Script): Promise<void> {
    const several = { count: UNATTENDED, perTransaction: UNATTENDED, concurrency: 1 };
    const recorded = this.rig.recordMany({ accountId: this.accountId, amount: 10, script, ...several });
    this.acknowledged.push(...(await recorded.catch(() => [])).map(({ purchaseId }) => purchaseId));
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
    const sql = 'select count(*) as open from outbox_delivery where settled_at is null';
    return Number((await this.rig.query<{ open: string }>('producer', sql))[0]!.open);
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
