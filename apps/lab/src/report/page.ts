import { loadavg, availableParallelism } from 'node:os';
import type { Results } from '../experiments/all';
import type { Protocol } from '../protocols/protocol';
import { type Simulated, simulationTable } from '../protocols/three-phase-commit';
import { choiceTable } from './choice';
import { table } from './table';
import { crashTable, effortTable, happyTable, outageTable, type Timings } from './tables';

export interface About {
  readonly timings: Timings;
  readonly awayMs: number;
  readonly purchases: number;
  readonly servers: string;
  /** Several protocols at a time, a few rows of each. */
  readonly few: boolean;
}

/** All tables of one run, for a terminal and as Markdown. */
export async function page(
  results: Results,
  simulated: readonly Simulated[],
  protocols: readonly Protocol[],
  about: About,
): Promise<string> {
  const { timings, few } = about;
  const left =
    timings === 'timings'
      ? `Load before: ${loadavg()[2]!.toFixed(1)}.`
      : 'Times and rates are left out: the machine was busy with other things, and they would mean nothing.';
  const machine = `${availableParallelism()} cores, Node ${process.version}, ${about.servers}. ${left}`;
  return [
    ...(few
      ? ['A small run, several protocols at a time: it shows that everything works, and its figures mean nothing.']
      : []),
    `Each purchase is the same: 10.00 from an account, one piece from a shelf, one order; every tenth is rejected. ${machine}`,
    '## A. When nothing goes wrong',
    `For each of ${about.purchases} purchases from one account, one after the other.`,
    table(happyTable(results.happy, timings)),
    '## B. When a process is hurt',
    'One purchase each. The process is really killed, stopped or held up there, then started again, and nobody does anything else.',
    table(crashTable(results.crashes, timings)),
    'Three-phase commit is simulated, beside two-phase commit: no database has its states.',
    table(simulationTable(simulated)),
    '## C. When something is away',
    `For ${about.awayMs / 1_000} s, with one purchase meanwhile: what the shopper is told, and what becomes of it. A dash: it needs none, or was not tried.`,
    table(outageTable(results.outages, timings)),
    '## D. What somebody has to write',
    table(await effortTable(protocols)),
    '## E. Which one?',
    table(choiceTable(results)),
  ].join('\n\n');
}
