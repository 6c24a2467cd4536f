import { SeededRandom } from '@tallystick/outbox/testing';
import { Cleanup, until } from '@tallystick/services';
import { auditRig, type DatabaseKind, type Side } from '../rig';
import { textAt } from '../rig/sql';
import { execute } from '../rig/tables';
import { Backlog } from './backlog';
import { Buyers } from './buyers';
import { CLUSTER_FAULTS, type FaultKinds, FAULTS, MARIADB_FAULTS } from './faults';
import { ask, type Findings } from './oracles';
import { orders } from './orders';
import { Pace, planFaults, strikeAll } from './schedule';
import { routeUnheard, setStage, type Stage } from './stage';
import { differences } from './tally';

/** A rule taken out of a running system, by its database: the library does what it always does. */
export interface Lack {
  readonly without: string;
  readonly side: Side;
  /** A statement each. */
  readonly sql: readonly string[];
}

export interface SoakOptions {
  readonly seed: number;
  readonly messages: number;
  readonly faults: number;
  /** @default 'postgres' */
  readonly database?: DatabaseKind;
  /** Three brokers instead of one, and what can happen to one of three. @default false */
  readonly cluster?: boolean;
  readonly onProgress?: (line: string) => void;
  /** For a control that must fail. @default none: every rule is kept */
  readonly lack?: Lack;
  /** How long everything may take to come to its end after the last fault. @default 3 minutes */
  readonly quietWithinMs?: number;
}

/** Plain data: it survives `JSON.stringify`. */
export interface SoakSummary extends Findings {
  readonly ok: boolean;
  readonly database: DatabaseKind;
  readonly seed: number;
  readonly acknowledged: number;
  /** Copies that came to the consumer's inbox and found their row there; on MariaDB only those that could be counted. */
  readonly duplicatesSuppressed: number;
  /** Calls to a producer that failed; their purchases are not among the acknowledged. */
  readonly failedCalls: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  /** From the first purchase until everything was quiet. */
  readonly seconds: number;
  /** Of which this was needed after the last fault had ended. */
  readonly secondsToHeal: number;
  readonly messagesPerSecond: number;
  /** Nothing failed in N messages: at 95 % confidence the probability of a failure per message is below 3/N. */
  readonly probabilityBelow: number;
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 20;

/**
 * Purchases and faults at the same time; then everything is healed, and both databases are asked what became of the
 * promise. The seed decides what is bought and what goes wrong in which order. It cannot decide the rest: these are real
 * processes on a real machine.
 */
export async function runSoak(options: SoakOptions): Promise<SoakSummary> {
  const { seed, messages, faults, lack, database = 'postgres', cluster = false } = options;
  const { quietWithinMs = 180_000, onProgress = () => {} } = options;
  const kinds = kindsOf(database, cluster);
  const random = new SeededRandom(seed);
  const deck = orders(messages, random);
  const plan = planFaults(kinds, faults, random);
  const cleanup = new Cleanup();
  try {
    const stage = await setStage(cleanup, { database, cluster, onProgress });
    if (lack) await execute(stage.rig.databaseUrls[lack.side], lack.sql);
    const pace = new Pace(messages, faults);
    const wait = new Wait();
    const backlog = new Backlog(stage.rig);
    const mayRecord = (): boolean => pace.mayRecord() && backlog.hasRoom;
    const buyers = new Buyers(stage.rig, deck, { mayRecord, noteRecorded: (count) => pace.noteRecorded(count) }, wait);
    await buyers.openAccounts();
    const begun = performance.now();
    const report = setInterval(() => onProgress(`${pace}, ${backlog}`), 10_000);
    backlog.watch();
    try {
      // If one of them fails the other must not wait for it.
      await Promise.all([
        wait.abortedBy(buyers.buyEverything()),
        wait.abortedBy(strikeAll(kinds, plan, stage, wait, pace, onProgress)),
      ]);
    } finally {
      clearInterval(report);
      backlog.stop();
    }
    const healing = performance.now();
    onProgress('healed; waiting until everything has come to its end');
    await heal(stage);
    const stillOpen = await quiet(stage, quietWithinMs);
    const now = performance.now();
    const findings = await ask(stage.rig.databaseUrls, buyers.acknowledged);
    const parked = await stage.rig.query<{ id: string }>(
      'producer',
      `select id from outbox_message where ${textAt(database, 'payload', 'script', 'poison')} is not null`,
    );
    stage.crew.check();
    const problems = [
      ...stillOpen,
      ...stage.crew.problems,
      ...stage.rig.problems,
      ...(await auditRig(stage.rig, { parked: parked.map(({ id }) => id), acknowledged: buyers.acknowledged })),
      ...(await differences(stage.rig.databaseUrls)),
    ];
    const seconds = (now - begun) / 1_000;
    return {
      ok: problems.length === 0 && isClean(findings),
      database,
      seed,
      ...findings,
      duplicatesSuppressed: await stage.copies.count(),
      acknowledged: buyers.acknowledged.length,
      failedCalls: buyers.failures,
      faults,
      faultsByKind: countByName(plan),
      seconds: round(seconds),
      secondsToHeal: round((now - healing) / 1_000),
      messagesPerSecond: round(findings.messages / seconds),
      probabilityBelow: 3 / findings.messages,
      problems: problems.slice(0, MAX_PROBLEMS),
    };
  } finally {
    await cleanup.run();
  }
}

/** Every fault has an end of its own; what ended by itself, or lost a route with its queue, is put right here. */
async function heal({ crew, amqpUrl }: Stage): Promise<void> {
  await crew.revive();
  await routeUnheard(amqpUrl);
}

/** @returns what is still open after a long time, which is a finding and no reason to stop asking */
async function quiet({ rig, database }: Stage, withinMs: number): Promise<string[]> {
  const open = `
    select d.message_id as id, d.state, d.last_error as error
      from outbox_delivery d
      join outbox_message m on m.id = d.message_id
     where d.settled_at is null
       and (d.state <> 'parked' or ${textAt(database, 'm.payload', 'script', 'poison')} is null)
     limit ${MAX_PROBLEMS}`;
  let lines: string[] = [];
  const settled = async (): Promise<boolean> => {
    const rows = await rig.query<{ id: string; state: string; error: string | null }>('producer', open);
    lines = rows.map(({ id, state, error }) => `${id} is ${state}${error === null ? '' : ` (${error.slice(0, 200)})`}`);
    return lines.length === 0;
  };
  await until('everything ends', settled, { timeoutMs: withinMs, everyMs: 500 }).catch(() => undefined);
  return lines;
}

function kindsOf(database: DatabaseKind, cluster: boolean): FaultKinds {
  if (cluster) return CLUSTER_FAULTS;
  return database === 'mariadb' ? MARIADB_FAULTS : FAULTS;
}

function isClean(findings: Findings): boolean {
  const { lost, open, duplicateEffects, mismatchedVerdicts, moneyDifference, illegalTransitions } = findings;
  return [lost, open, duplicateEffects, mismatchedVerdicts, moneyDifference, illegalTransitions].every((n) => n === 0);
}

function countByName(plan: readonly { readonly name: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of plan) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Lets several tasks wait, until one of them fails. */
class Wait {
  private readonly failed = new AbortController();

  get aborted(): boolean {
    return this.failed.signal.aborted;
  }

  async until(condition: () => boolean): Promise<void> {
    const check = (): boolean => {
      this.failed.signal.throwIfAborted();
      return condition();
    };
    await until('faults and purchases go on', check, { timeoutMs: 600_000 });
  }

  async abortedBy(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      this.failed.abort(error);
      throw error;
    }
  }
}
