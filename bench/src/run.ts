import { Cleanup } from '@tallystick/services';
import { describeResult } from './harness/format';
import { Progress } from './harness/progress';
import type { ScenarioResult } from './harness/result';
import { keepResult, RESULTS, ROOT } from './harness/results-folder';
import { Stage } from './harness/stage';
import { PeersUnavailableError } from './peers/packages';
import { SCENARIOS } from './scenarios';
import { runScenario } from './scenarios/scenario';
import { writeReport } from './report/report';

export interface CommandOptions {
  readonly messages?: number;
  readonly rounds?: number;
  readonly json: boolean;
  readonly small: boolean;
  readonly databaseUrl?: string;
  readonly amqpUrl?: string;
}

/** Fewer have no median. */
const ROUNDS = 3;
/** Signal number, as a shell reports it. */
const INTERRUPTED = 130;

/** @returns the exit code: 0 if every scenario ran, whatever its figures are */
export async function run(what: string, options: CommandOptions): Promise<number> {
  const progress = new Progress();
  if (what === 'report') {
    progress.line(
      `wrote ${await writeReport(
        RESULTS,
        SCENARIOS.map(({ name }) => name),
        ROOT,
      )}`,
    );
    return 0;
  }
  const cleanup = new Cleanup();
  stopOnSignals(cleanup, progress);
  try {
    const stage = await Stage.open(options, cleanup, progress);
    let failures = 0;
    for (const scenario of SCENARIOS.filter(({ name }) => what === 'all' || name === what)) {
      if (what === 'all' && options.small && scenario.installs) {
        progress.line(`${scenario.name} is left out of a small run, which installs nothing: ask for it by name`);
        continue;
      }
      try {
        const rounds = options.rounds ?? (options.small ? 1 : (scenario.rounds ?? ROUNDS));
        const result = await runScenario(scenario, { ...options, rounds }, stage, progress, cleanup);
        if (!options.small) await keepResult(RESULTS, result);
        show(result, options);
      } catch (error) {
        if (what === 'all' && error instanceof PeersUnavailableError) {
          progress.line(`${scenario.name} is left out: ${error.message}`);
          continue;
        }
        failures += 1;
        progress.line(`${scenario.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
    return failures > 0 ? 1 : 0;
  } finally {
    await cleanup.run();
  }
}

function show(result: ScenarioResult, { json }: CommandOptions): void {
  console.log(json ? JSON.stringify(result) : describeResult(result));
}

/** Ctrl-C leaves no server, database or process behind. A second one does not wait for that; then the guards do it. */
function stopOnSignals(cleanup: Cleanup, progress: Progress): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(INTERRUPTED);
      stopping = true;
      progress.line('stopping: removing what was started');
      void cleanup.run().finally(() => process.exit(INTERRUPTED));
    });
  }
}
