import type { Cleanup } from '@tallystick/services';
import type { OutageTrial, Protocol, Trial } from '../protocols/protocol';
import type { Servers } from '../world/servers';
import { openWorld, type World, type WorldOptions } from '../world/world';
import { runCrash } from './crash';
import { type HappyRow, runHappyPath, type Size } from './happy';
import { runOutage } from './outage';
import type { CrashRow, OutageRow } from './rows';

export interface Plan {
  readonly protocols: readonly Protocol[];
  readonly size: Size;
  /** How long something is away. */
  readonly awayMs: number;
  /** A few rows of every table, several protocols at a time: it shows that everything works, and measures nothing. */
  readonly few: boolean;
}

export interface Stage {
  readonly servers: Servers;
  readonly cleanup: Cleanup;
  readonly onProgress: (line: string) => void;
  /** Aborted when everything is to end. */
  readonly signal: AbortSignal;
}

export interface Results {
  readonly happy: readonly HappyRow[];
  readonly crashes: readonly CrashRow[];
  readonly outages: readonly OutageRow[];
}

/** So many protocols are hurt at a time: most of that is waiting. */
const AT_ONCE = 3;

/** Measures one protocol after the other, with nobody else on the servers; then hurts several at a time. */
export async function runAll({ protocols, size, awayMs, few }: Plan, stage: Stage): Promise<Results> {
  const happyOf = (world: World): Promise<HappyRow> => {
    stage.onProgress(`${world.protocol.name}: purchases when nothing goes wrong`);
    return runHappyPath(world, size);
  };
  const happy: HappyRow[] = [];
  if (!few) for (const protocol of protocols) happy.push(await inWorld({ protocol }, stage, happyOf));

  const results = await severalAtOnce(protocols, async (protocol) => {
    const crashes: CrashRow[] = [];
    const outages: OutageRow[] = [];
    const trials = few ? fewOf(protocol) : protocol.trials;
    const away = protocol.outages.filter((each) => !few || !each.away.startsWith('order') || each.without);
    for (const without of new Set([...trials, ...away].map((each) => each.without))) {
      const options = { protocol, proxied: true, without: without === undefined ? [] : [without] };
      await inWorld(options, stage, async (world) => {
        if (few && without === undefined) happy.push(await happyOf(world));
        const here = <T extends { without?: string }>(all: readonly T[]): T[] =>
          all.filter((each) => each.without === without);
        for (const trial of here(trials)) crashes.push(await crash(world, trial, stage));
        for (const trial of here(away)) outages.push(await outage(world, trial, awayMs, stage));
      });
    }
    return { crashes, outages };
  });
  const inOrder = protocols.flatMap(({ name }) => happy.filter(({ protocol }) => protocol === name));
  return {
    happy: inOrder,
    crashes: results.flatMap(({ crashes }) => crashes),
    outages: results.flatMap(({ outages }) => outages),
  };
}

/** The first crash, the first one of a purchase that is rejected, and whatever a missing rule does. */
function fewOf({ trials }: Protocol): Trial[] {
  const rejecting = trials.find(({ rejected }) => rejected);
  return trials.filter((trial, index) => index === 0 || trial === rejecting || trial.without !== undefined);
}

async function crash(world: World, trial: Trial, { onProgress, signal }: Stage): Promise<CrashRow> {
  signal.throwIfAborted();
  const row = await runCrash(world, trial);
  onProgress(`${world.protocol.name}: ${describeTrial(trial)}: ${row.problem ?? row.ending}`);
  return row;
}

async function outage(
  world: World,
  trial: OutageTrial,
  awayMs: number,
  { onProgress, signal }: Stage,
): Promise<OutageRow> {
  signal.throwIfAborted();
  const row = await runOutage(world, trial, awayMs);
  onProgress(`${world.protocol.name}: ${trial.away} away: ${row.problem ?? `${row.told}, ${row.ending}`}`);
  return row;
}

export function describeTrial(trial: Omit<Trial, 'expected'>): string {
  const { step, action, rejected, without, meanwhile, thenDies } = trial;
  const what = { die: 'killed', stop: 'stopped', hold: 'held up' }[action];
  const until = { pass: ` until ${meanwhile?.step}`, die: `, killed at ${meanwhile?.step}` };
  return [
    `${what} at ${step}`,
    meanwhile && until[meanwhile.action],
    thenDies && `, killed at ${thenDies}`,
    rejected && ', rejected',
    without !== undefined && `, without ${without}`,
  ]
    .filter(Boolean)
    .join('');
}

async function inWorld<T>(
  options: Omit<WorldOptions, 'servers'>,
  { servers, signal, cleanup }: Stage,
  work: (world: World) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const world = await openWorld({ ...options, servers }, cleanup);
  try {
    return await work(world);
  } finally {
    await world.stop();
  }
}

/** In the order of the items, whoever is ready first. */
async function severalAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!);
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const each of workers) if (each.status === 'rejected') throw each.reason;
  return results;
}
