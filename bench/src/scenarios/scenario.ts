import { Cleanup } from '@tallystick/services';
import type { Progress } from '../harness/progress';
import type { Chart, Figure, FigureInput, ScenarioResult } from '../harness/result';
import type { Engine } from '../engines/engine';
import type { Stage } from '../harness/stage';

export interface RunOptions {
  /** How often every variant is measured; the median counts. */
  readonly rounds: number;
  /** Overrides the scenario's own size. */
  readonly messages?: number;
  /** Seconds instead of minutes: shows that it works, says nothing about speed. */
  readonly small: boolean;
}

/** What a scenario works with. */
export interface Context extends RunOptions {
  readonly stage: Stage;
  readonly progress: Progress;
  /** Runs when the scenario is over, whichever way. */
  readonly cleanup: Cleanup;
}

export interface Findings {
  readonly parameters: ScenarioResult['parameters'];
  readonly figures: readonly Figure[];
  readonly charts?: readonly Chart[];
}

export interface Scenario {
  readonly name: string;
  readonly measures: string;
  /** How many rounds it takes unless somebody asks for another number: more where its goals are ratios to be trusted. @default 3 */
  readonly rounds?: number;
  /** What it runs on. @default PostgreSQL alone */
  readonly engines?: readonly Engine[];
  /** It installs other packages first. */
  readonly installs?: true;
  run(context: Context): Promise<Findings>;
}

/** Runs one scenario on an open stage, and leaves nothing behind. */
export async function runScenario(
  scenario: Scenario,
  options: RunOptions,
  stage: Stage,
  progress: Progress,
  cleanup: Cleanup,
): Promise<ScenarioResult> {
  const startedAt = new Date();
  const began = performance.now();
  const machine = stage.machine();
  const { name, measures } = scenario;
  progress.line(`${name}: ${measures}`);
  // Its own steps are among the run's, so that an interrupted run cleans up the scenario before the servers.
  const own = new Cleanup();
  cleanup.defer(() => own.run());
  try {
    const { parameters, figures, charts = [] } = await scenario.run({ ...options, stage, progress, cleanup: own });
    const tookSeconds = Math.round((performance.now() - began) / 1000);
    const common = { rounds: options.rounds, small: options.small };
    return {
      scenario: resultName(name, stage.engine),
      measures,
      startedAt: startedAt.toISOString(),
      tookSeconds,
      parameters: { ...common, ...parameters },
      machine,
      figures,
      charts,
    };
  } finally {
    await own.run();
  }
}

export function runsOn({ engines = ['postgres'] }: Scenario, engine: Engine): boolean {
  return engines.includes(engine);
}

/** What is kept of a scenario, and shown: each kind of database has results of its own. */
export function resultName(scenario: string, engine: Engine): string {
  return engine === 'postgres' ? scenario : `${scenario}-${engine}`;
}

/** What a ratio is to reach. The goals were set on PostgreSQL; elsewhere the figures stand for themselves. */
export function goal({ stage }: Context, atLeast: number | undefined): Pick<FigureInput, 'target'> {
  return atLeast === undefined || stage.engine !== 'postgres' ? {} : { target: { of: 'ratio', atLeast } };
}

/**
 * Messages that a process handles before it is measured, the library's and what is written by hand: a service runs for days, and V8
 * goes on compiling for thousands of messages. In rounds of 5,000 round trips with group commit a consumer took 0.75, 0.60 and 0.58 ms
 * of processor time a message; the threads of V8 that compile and collect 0.20, 0.09 and 0.08 of it.
 */
export const WARM_UP = 8_000;

/** The number asked for, or the scenario's own: a large one, or one that is done in a second. */
export function size(context: RunOptions, large: number, small: number): number {
  return context.messages ?? (context.small ? small : large);
}
