import { Cleanup } from '@tallystick/services';
import { type Engine, ENGINE_NAMES, ENGINES } from './engines/engine';
import { describeResult } from './harness/format';
import { Progress } from './harness/progress';
import type { ScenarioResult } from './harness/result';
import { keepResult, RESULTS, ROOT } from './harness/results-folder';
import { engineFor, Stage } from './harness/stage';
import { PeersUnavailableError } from './peers/packages';
import { SCENARIOS } from './scenarios';
import { resultName, runScenario, runsOn } from './scenarios/scenario';
import { writeReport } from './report/report';

export interface CommandOptions {
  readonly messages?: number;
  readonly rounds?: number;
  readonly json: boolean;
  readonly small: boolean;
  readonly database?: Engine;
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
        SCENARIOS.flatMap((scenario) =>
          ENGINES.filter((engine) => runsOn(scenario, engine)).map((engine) => resultName(scenario.name, engine)),
        ),
        ROOT,
      )}`,
    );
    return 0;
  }
  const engine = engineFor(options);
  if (engine === undefined) {
    progress.line(`--database ${options.database}, but --database-url is of another kind: leave one of them out`);
    return 1;
  }
  const scenarios = SCENARIOS.filter((scenario) =>
    what === 'all' ? runsOn(scenario, engine) : scenario.name === what,
  );
  if (!scenarios.every((scenario) => runsOn(scenario, engine))) {
    progress.line(`${what} runs on PostgreSQL only, not on ${ENGINE_NAMES[engine]}`);
    return 1;
  }
  const cleanup = new Cleanup();
  stopOnSignals(cleanup, progress);
  try {
    const stage = await Stage.open(engine, options, cleanup, progress);
    let failures = 0;
    for (const scenario of scenarios) {
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
