import { isInLine, ORDERS, type Purchase } from './business';
import type { FaultKind } from './faults';
import { InvariantViolation } from './ledger';
import { Workload } from './workload';
import { World, type WorldOptions } from './world';

const PURCHASES_WITHIN_MS = 30_000;
const CHAOS_MS = 60_000;
/** After the faults have ended, everything must be final within this time (L1). */
const RECOVERY_MS = 30 * 60_000;
/** Until the latest copies have arrived, which must change nothing any more. */
const AFTERMATH_MS = 70_000;
const OPERATOR_EVERY_MS = 20_000;
const SQUALL_EVERY_MS = 10_000;

export interface Run {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** What the library reported, by event. */
  readonly reports: Readonly<Record<string, number>>;
  /** How deliveries ended, by state. */
  readonly endings: Readonly<Record<string, number>>;
  /** Committed purchases that were to be in order. */
  readonly inLine: number;
  /** Steps of the scheduler. */
  readonly steps: number;
  readonly log: string;
}

/** One seed, from the first purchase to the last receipt: chaos, recovery, aftermath. */
export async function run(seed: number, options: WorldOptions = {}): Promise<Run> {
  const world = new World(seed, options);
  const unhandled = (error: unknown): void => world.ledger.report(new InvariantViolation('unhandled', String(error)));
  process.on('unhandledRejection', unhandled);
  try {
    await live(world);
  } catch (violation) {
    world.ledger.report(violation);
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  const { violation: found } = world.ledger;
  const violation = found instanceof Error ? world.journal.named(found.message) : undefined;
  if (violation !== undefined) world.journal.write('ledger', `VIOLATION ${violation}`);
  return {
    seed,
    violation,
    faults: Object.fromEntries(world.faults.counts),
    reports: Object.fromEntries(world.reports),
    endings: Object.fromEntries(world.ledger.endings()),
    inLine: world.users.rows<Purchase>('purchases').filter(({ type }) => isInLine(type)).length,
    steps: world.steps,
    log: `${world.journal.lines.join('\n')}\n`,
  };
}

async function live(world: World): Promise<void> {
  const { time, ledger } = world;
  await world.open();
  const workload = new Workload(world);
  workload.begin(PURCHASES_WITHIN_MS);
  workload.operate(OPERATOR_EVERY_MS);
  squalls(world);
  await until(world, () => time.monotonic() >= CHAOS_MS);
  world.heal();
  const healedAt = time.monotonic();
  const recovered = (): boolean => workload.isOver && ledger.open().length === 0;
  await until(world, () => recovered() || time.monotonic() - healedAt > RECOVERY_MS);
  const open = ledger.open();
  if (open.length > 0) throw new InvariantViolation('L1 everything ends', `still open: ${open.join(' · ')}`);
  await until(world, () => time.monotonic() - healedAt > AFTERMATH_MS);
}

async function until(world: World, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await world.step();
    if (world.ledger.violation) throw world.ledger.violation;
    const { mostSteps } = world.scale;
    if (world.steps > mostSteps) throw new InvariantViolation('L2 no storm', `more than ${mostSteps} steps`);
  }
}

/** What strikes everybody at once: the broker, the clocks, the calendar. */
function squalls(world: World): void {
  const { time, faults, broker, journal } = world;
  time.schedule(SQUALL_EVERY_MS, () => {
    if (world.healed) return;
    const lastsMs = faults.duration(500, 15_000);
    const resume = (): void => void time.schedule(lastsMs, () => broker.resume());
    world.strike('broker down', () => {
      broker.interrupt();
      resume();
    });
    world.strike('broker blocked', () => {
      broker.block();
      resume();
    });
    world.strike('database down', () => {
      const database = world.random.pick([world.users, world.orders]);
      world.down.add(database);
      time.schedule(lastsMs, () => world.down.delete(database));
    });
    world.strike('deploy', () => world.deploy());
    world.strike('clock jump', () => {
      const byMs = faults.duration(10, 30_000) * world.random.pick([-1, 1]);
      const [name, database] = world.random.pick([
        ['user', world.users],
        [ORDERS, world.orders],
      ] as const);
      journal.write('clock', `${name} jumps by ${byMs} ms`);
      database.moveNow(byMs);
    });
    world.strike('weeks pass', () => world.letWeeksPass());
    squalls(world);
  });
}
