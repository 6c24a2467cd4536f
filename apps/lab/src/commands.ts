import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '@tallystick/services';
import { InvalidArgumentError } from 'commander';
import { byHand } from './by-hand';
import { runAll } from './experiments/all';
import { FULL, SMALL } from './experiments/happy';
import { Story } from './experiments/story';
import { makePictures } from './pictures';
import { findProtocol, PROTOCOLS } from './protocols';
import { dies, type Outage, type OutageTrial, type Protocol, type Trial } from './protocols/protocol';
import { simulate, simulations } from './protocols/three-phase-commit';
import { answerTo, QUESTIONS } from './questions';
import { charts } from './report/charts';
import { page } from './report/page';
import { problemsOf } from './report/tables';
import type { Terminal } from './report/terminal';
import type { Fault } from './service/steps';
import { describeServers, type Servers } from './world/servers';
import { openWorld } from './world/world';

/** What was asked for on the command line. */
export interface Asked {
  readonly crash?: string;
  readonly stop?: string;
  readonly hold?: string;
  readonly away?: Outage;
  readonly seconds?: number;
  readonly rejected: boolean;
  readonly without?: string;
  readonly json: boolean;
  readonly small: boolean;
  readonly timings: boolean;
}

export interface Lab {
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Started when they are needed. */
  readonly servers: () => Promise<Servers>;
}

const RESULTS = join(__dirname, '..', '..', '..', 'docs', 'lab', 'results.md');
const HEADER = `# What the lab found

Written by \`npm run lab -- all\`; do not edit. Figures of one machine mean nothing alone: compare the rows. What the words
mean, and how to see any row with your own eyes: [README.md](README.md).
`;

/** What is done to the two processes of a protocol. */
const TO_A_WORLD = ['crash', 'stop', 'hold', 'away', 'seconds', 'rejected'] as const;

function printed(results: readonly { readonly asExpected: boolean }[], { json }: Asked): boolean {
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
  return results.every(({ asExpected }) => asExpected);
}

/** @returns whether it ended as expected */
export async function perform(what: string, asked: Asked, lab: Lab, terminal: Terminal): Promise<boolean> {
  if (what === 'all') return everything(asked, lab, terminal);
  if (what === 'three-phase-commit') return simulations(terminal, asked.json);
  if (what === 'pictures') {
    await makePictures(await lab.servers(), lab.cleanup, lab.onProgress);
    return true;
  }
  const question = QUESTIONS.find(({ name }) => name === what);
  if (what === 'by-hand' || question) {
    const unfit = question ? [...TO_A_WORLD, 'without' as const] : TO_A_WORLD;
    const given = unfit.filter((option) => asked[option] !== undefined && asked[option] !== false);
    if (given.length > 0) throw new InvalidArgumentError(`${what} does not take --${given.join(', --')}.`);
  }
  if (question) return printed(await answerTo(question, lab.servers, lab.cleanup, terminal), asked);
  if (what === 'by-hand') return printed(await byHand(lab.servers, asked.without, lab.cleanup, terminal), asked);
  return one(what, asked, lab, terminal);
}

/** @returns whether everything was as expected */
async function everything(asked: Asked, lab: Lab, terminal: Terminal): Promise<boolean> {
  const servers = await lab.servers();
  const size = asked.small ? SMALL : FULL;
  const awayMs = (asked.seconds ?? (asked.small ? 1.5 : 10)) * 1_000;
  const results = await runAll({ protocols: PROTOCOLS, size, awayMs, few: asked.small }, { ...lab, servers });
  const about = {
    timings: asked.timings ? ('timings' as const) : ('no timings' as const),
    awayMs,
    purchases: size.purchases,
    servers: await describeServers(servers),
    few: asked.small,
  };
  const simulated = simulate();
  const text = await page(results, simulated, PROTOCOLS, about);
  terminal.say(text);
  const problems = [...problemsOf(results), ...simulated.flatMap(({ problem }) => problem ?? [])];
  for (const problem of problems) terminal.verdict(false, problem);
  if (problems.length === 0) terminal.verdict(true, 'Everything was as expected.');
  if (asked.json) process.stdout.write(`${JSON.stringify({ ...results, simulated, problems })}\n`);
  if (!asked.small) {
    await mkdir(join(RESULTS, '..'), { recursive: true });
    const drawn = asked.timings ? `\n${charts(results.happy)}\n` : '';
    await writeFile(RESULTS, `${HEADER}\n${text}\n${drawn}`);
    lab.onProgress(`wrote ${RESULTS}`);
  }
  return problems.length === 0;
}

/** One purchase, told as a story. @returns whether it ended as expected */
async function one(name: string, asked: Asked, lab: Lab, terminal: Terminal): Promise<boolean> {
  const protocol = findProtocol(name);
  const { without, away } = asked;
  if (without !== undefined && !protocol.rules[without]) {
    throw new InvalidArgumentError(
      `${name} has no rule ${without}: ${Object.keys(protocol.rules).join(', ') || 'none'}.`,
    );
  }
  const trial = trialOf(protocol, asked);
  const servers = await lab.servers();
  const rules = without === undefined ? [] : [without];
  const options = { protocol, servers, without: rules, proxied: away !== undefined, tell: true };
  const world = await openWorld(options, lab.cleanup);
  const story = new Story(world, terminal);
  if (away !== undefined) {
    const row = await story.outage(outageOf(protocol, away, without), (asked.seconds ?? 10) * 1_000);
    return conclude(row, row.asExpected, row.problem, asked, terminal);
  }
  if (!trial) {
    await story.purchase(asked.rejected);
    return true;
  }
  const row = await story.crash(trial.trial);
  return trial.known
    ? conclude(row, row.asExpected, row.problem, asked, terminal)
    : conclude(row, true, undefined, asked, terminal);
}

function conclude(
  row: { readonly ending: string },
  holds: boolean,
  problem: string | undefined,
  { json }: Asked,
  terminal: Terminal,
): boolean {
  terminal.verdict(holds, holds ? `${row.ending}, as expected` : `not as expected: ${problem}`);
  if (json) process.stdout.write(`${JSON.stringify(row)}\n`);
  return holds;
}

function outageOf({ name, outages }: Protocol, away: Outage, without: string | undefined): OutageTrial {
  const found = outages.find((trial) => trial.away === away && trial.without === without);
  if (found) return found;
  throw new InvalidArgumentError(
    without === undefined
      ? `${name} needs no ${away}.`
      : `Without ${without} nothing is known of the ${away} being away.`,
  );
}

/** The row of the crash matrix that was asked for; or one that nobody wrote down an expectation for. */
function trialOf(protocol: Protocol, asked: Asked): { trial: Trial; known: boolean } | undefined {
  const actions: [Fault, string | undefined][] = [
    ['die', asked.crash],
    ['stop', asked.stop],
    ['hold', asked.hold],
  ];
  const [wanted, more] = actions.filter(([, step]) => step !== undefined);
  if (!wanted) return undefined;
  if (more || asked.away) throw new InvalidArgumentError('One of --crash, --stop, --hold and --away at a time.');
  const [action, step] = wanted as [Fault, string];
  if (!protocol.steps[step]) {
    throw new InvalidArgumentError(`${protocol.name} has no step ${step}: ${Object.keys(protocol.steps).join(', ')}.`);
  }
  const { rejected, without } = asked;
  const found = protocol.trials.find(
    (trial) =>
      trial.step === step &&
      trial.action === action &&
      trial.without === without &&
      ((trial.rejected ?? false) === rejected || !rejected),
  );
  if (found) return { trial: found, known: true };
  return { trial: { ...dies(step), action, rejected, without }, known: false };
}
