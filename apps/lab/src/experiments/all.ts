import { OUTAGES, type Outage, type Protocol, type Trial } from '../protocols/protocol';
import { type World, type WorldOptions, World as Worlds } from '../world/world';
import type { Servers } from '../world/servers';
import { runCrash } from './crash';
import { type HappyRow, runHappyPath, type Size } from './happy';
import { runOutage } from './outage';
import type { CrashRow, OutageRow } from './rows';

export interface Plan {
  readonly protocols: readonly Protocol[];
  readonly size: Size;
  /** How long something is away. */
  readonly awayMs: number;
  /** A few rows of every table instead of all of them. */
  readonly few: boolean;
}

export interface Lab {
  readonly servers: Servers;
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

/** Everything of the plan, one part after the other; where nothing is measured, several protocols at a time. */
export async function runAll(plan: Plan, lab: Lab): Promise<Results> {
  const { protocols } = plan;
  const happy: HappyRow[] = [];
  for (const protocol of protocols) {
    lab.onProgress(`${protocol.name}: purchases when nothing goes wrong`);
    happy.push(await inWorld({ protocol, servers: lab.servers }, lab, (world) => runHappyPath(world, plan.size)));
  }
  const crashes = await severalAtOnce(protocols, (protocol) => crashesOf(protocol, plan, lab));
  const outages = await severalAtOnce(protocols, (protocol) => outagesOf(protocol, plan, lab));
  return { happy, crashes: crashes.flat(), outages: outages.flat() };
}

/** The first crash, the first one of a purchase that is rejected, and whatever a missing rule does. */
function fewOf({ trials }: Protocol): Trial[] {
  const rejecting = trials.find(({ rejected }) => rejected);
  return trials.filter((trial, index) => index === 0 || trial === rejecting || trial.without !== undefined);
}

async function crashesOf(protocol: Protocol, { few }: Plan, lab: Lab): Promise<CrashRow[]> {
  const chosen = few ? fewOf(protocol) : protocol.trials;
  const rows: CrashRow[] = [];
  for (const without of new Set(chosen.map((trial) => trial.without))) {
    const options = { protocol, servers: lab.servers, without: without === undefined ? [] : [without] };
    await inWorld(options, lab, async (world) => {
      for (const trial of chosen.filter((each) => each.without === without)) {
        lab.signal.throwIfAborted();
        const row = await runCrash(world, trial);
        rows.push(row);
        lab.onProgress(`${protocol.name}: ${describeTrial(trial)}: ${row.problem ?? row.ending}`);
      }
    });
  }
  return rows;
}

async function outagesOf(protocol: Protocol, { awayMs, few }: Plan, lab: Lab): Promise<OutageRow[]> {
  const relevant = OUTAGES.filter((away) => protocol.outages[away] && !(few && away.startsWith('order')));
  const one = (away: Outage): Promise<OutageRow> =>
    inWorld({ protocol, servers: lab.servers, proxied: true }, lab, (world) => runOutage(world, away, awayMs));
  const rows: OutageRow[] = [];
  for (const away of relevant) {
    const row = await one(away);
    rows.push(row);
    lab.onProgress(`${protocol.name}: ${away} away: ${row.problem ?? `${row.told}, ${row.ending}`}`);
  }
  return rows;
}

export function describeTrial({ step, action, rejected, without }: Omit<Trial, 'expected'>): string {
  const what = { die: 'killed', stop: 'stopped', hold: 'held up' }[action];
  return `${what} at ${step}${rejected ? ', rejected' : ''}${without === undefined ? '' : `, without ${without}`}`;
}

async function inWorld<T>(options: WorldOptions, { signal }: Lab, work: (world: World) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const world = await Worlds.start(options);
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
