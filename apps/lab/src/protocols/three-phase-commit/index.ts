import type { Sequence } from '../../pictures/sequence';
import { table } from '../../report/table';
import type { Terminal } from '../../report/terminal';
import { SCENARIOS } from './scenarios';
import { PARTIES, run } from './simulation';

/** What a scenario came to. Plain data. */
export interface Simulated {
  readonly protocol: string;
  readonly scenario: string;
  readonly ending: 'committed' | 'aborted' | 'blocked' | 'split';
  readonly problem?: string;
  readonly story: readonly string[];
}

/**
 * No database has the states of three-phase commit, so it runs in memory: a coordinator, three participants, and a network
 * that does what a scenario says. The same every time.
 */
export function simulate(): Simulated[] {
  return SCENARIOS.map((scenario) => {
    const { ending, story } = run(scenario);
    const { protocol, name, expected } = scenario;
    const problem = ending === expected ? undefined : `${protocol}: ${name}: ${expected} expected, ${ending} found`;
    return { protocol, scenario: name, ending, story, ...(problem !== undefined && { problem }) };
  });
}

/** Those that chapters show, by the name of the picture. */
export function simulatedSequences(): Record<string, Sequence> {
  const drawn = SCENARIOS.flatMap((scenario): [string, Sequence][] => {
    const { protocol, name, picture } = scenario;
    if (picture === undefined) return [];
    return [[picture, { title: `${protocol}: ${name}`, actors: PARTIES, rows: run(scenario).rows }]];
  });
  return Object.fromEntries(drawn);
}

/** Tells all of them. @returns whether everything was as expected */
export function simulations(terminal: Terminal, json: boolean): boolean {
  const all = simulate();
  for (const { protocol, scenario, story } of all) {
    terminal.heading(`${protocol}: ${scenario}`);
    for (const line of story) terminal.say(`  ${line}`);
  }
  terminal.say(`\n${table(simulationTable(all))}`);
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`);
  return all.every(({ problem }) => problem === undefined);
}

export function simulationTable(all: readonly Simulated[]): Record<string, string>[] {
  return all.map(({ protocol, scenario, ending, problem }) => ({
    protocol,
    'what happens': scenario,
    ending,
    'as expected': problem ?? 'yes',
  }));
}
