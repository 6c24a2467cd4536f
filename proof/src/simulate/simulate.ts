import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Run, run } from './run';
import { QUEUES, type Scale, SHOP } from './scale';

export interface SimulationOptions {
  seeds: number;
  firstSeed: number;
  /** How many seeds are done. */
  onProgress?: (done: number) => void;
  /** @default 'shop' */
  world?: WorldName;
  /** Threads. @default as many as there are processors; 1 where the sources are not compiled */
  workers?: number;
}

/** What is simulated: every kind of message, or long queues in order. */
export type WorldName = 'shop' | 'queues';
const SCALES: Readonly<Record<WorldName, Scale>> = { shop: SHOP, queues: QUEUES };

const THREAD = join(__dirname, 'simulate.worker.js');

/** What was simulated and what came of it; JSON. */
export interface SimulationSummary {
  readonly ok: boolean;
  readonly firstSeed: number;
  readonly seeds: number;
  /** Seeds that broke an invariant; `replay` tells their story. */
  readonly failures: readonly { readonly seed: number; readonly violation: string }[];
  readonly steps: number;
  /** Messages that were to be in order, and were recorded. */
  readonly inLine: number;
  /** Injected faults, in all and by kind. */
  readonly faultsInjected: number;
  readonly faults: Readonly<Record<string, number>>;
  /** How deliveries ended, by state. */
  readonly endings: Readonly<Record<string, number>>;
  /** What the library reported, by event: shows which of its paths were walked. */
  readonly reports: Readonly<Record<string, number>>;
  readonly durationMs: number;
}

/** The part of a summary that one thread contributes. */
export type Tally = Pick<SimulationSummary, 'failures' | 'steps' | 'inLine' | 'faults' | 'endings' | 'reports'>;

/** Simulates the seeds from `firstSeed` on. The same seeds always give the same failures, faults and steps. */
export async function simulate(options: SimulationOptions): Promise<SimulationSummary> {
  const { firstSeed, seeds, world = 'shop', onProgress = () => undefined } = options;
  const began = performance.now();
  const workers = Math.max(1, Math.min(options.workers ?? (existsSync(THREAD) ? availableParallelism() : 1), seeds));
  let done = 0;
  const progress = (): void => onProgress(++done);
  const tallies =
    workers === 1
      ? [await tally(seedsOf(firstSeed, seeds), world, progress)]
      : await Promise.all(
          Array.from({ length: workers }, (_, index) =>
            inThread(
              seedsOf(firstSeed, seeds).filter((seed) => (seed - firstSeed) % workers === index),
              world,
              progress,
            ),
          ),
        );
  const { failures, ...counts } = tallies.reduce(merge);
  return {
    ok: failures.length === 0,
    firstSeed,
    seeds,
    failures: failures.toSorted((one, other) => one.seed - other.seed),
    faultsInjected: Object.values(counts.faults).reduce((sum, count) => sum + count, 0),
    ...counts,
    durationMs: Math.round(performance.now() - began),
  };
}

/** The event log of one seed, for a person. */
export async function replay(seed: number, world: WorldName = 'shop'): Promise<string> {
  return (await run(seed, { recording: true, scale: SCALES[world] })).log;
}

/** Runs seeds one after another and adds up what happened. */
export async function tally(seeds: readonly number[], world: WorldName, onDone: () => void): Promise<Tally> {
  let sum: Tally = { failures: [], steps: 0, inLine: 0, faults: {}, endings: {}, reports: {} };
  for (const seed of seeds) {
    sum = merge(sum, tallyOf(await run(seed, { scale: SCALES[world] })));
    onDone();
  }
  return sum;
}

function tallyOf({ seed, violation, steps, inLine, faults, endings, reports }: Run): Tally {
  return { failures: violation === undefined ? [] : [{ seed, violation }], steps, inLine, faults, endings, reports };
}

function merge(one: Tally, other: Tally): Tally {
  return {
    failures: [...one.failures, ...other.failures],
    steps: one.steps + other.steps,
    inLine: one.inLine + other.inLine,
    faults: added(one.faults, other.faults),
    endings: added(one.endings, other.endings),
    reports: added(one.reports, other.reports),
  };
}

function added(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function seedsOf(firstSeed: number, seeds: number): number[] {
  return Array.from({ length: seeds }, (_, index) => firstSeed + index);
}

function inThread(seeds: readonly number[], world: WorldName, onDone: () => void): Promise<Tally> {
  return new Promise((resolve, reject) => {
    // A world is short-lived garbage: with room for it, collecting it costs a tenth less time.
    const resourceLimits = { maxYoungGenerationSizeMb: 64 };
    const worker = new Worker(THREAD, { workerData: { seeds, world }, resourceLimits });
    worker.on('message', (message: 'done' | Tally) => (message === 'done' ? onDone() : resolve(message)));
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a simulating thread ended early, with code ${code}`)));
  });
}
