import { describeTrial, type Results } from '../experiments/all';
import type { HappyRow } from '../experiments/happy';
import type { CrashRow, OutageRow } from '../experiments/rows';
import { OUTAGES, type Protocol } from '../protocols/protocol';
import { linesOf } from './effort';
import { type Row, signed } from './table';

/** What is measured in milliseconds means nothing on a machine that is busy with other things: then it is left out. */
export type Timings = 'timings' | 'no timings';

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/** A: nothing goes wrong. */
export function happyTable(rows: readonly HappyRow[], timings: Timings): Row[] {
  return rows.map(({ protocol, client, final, costs, seen, lockMs, cold, hot, givenUp, deviation }) => ({
    protocol,
    ...(timings === 'timings' && {
      'client, ms p50 / p95': `${ms(client.p50)} / ${ms(client.p95)}`,
      'final, ms p50 / p95': `${ms(final.p50)} / ${ms(final.p95)}`,
      'row locked, ms': ms(lockMs),
      'looks that were wrong': `${Math.round((100 * seen.wrong) / seen.looks)} %`,
      'cold, per s': cold.toFixed(0),
      'hot row, per s': hot.toFixed(0),
      'given up': String(givenUp),
    }),
    commits: costs.commits.toFixed(1),
    'WAL, bytes': costs.wal.toFixed(0),
    statements: costs.statements.toFixed(1),
    messages: costs.messages.toFixed(1),
    calls: costs.calls.toFixed(1),
    'off in the end': signed(deviation),
  }));
}

/** B: a process is hurt at every step. */
export function crashTable(rows: readonly CrashRow[], timings: Timings): Row[] {
  return rows.map((row) => ({
    protocol: row.protocol,
    'a process …': describeTrial(row),
    'a bystander': row.bystander,
    'off meanwhile': signed(row.moneyBefore),
    'half done': String(row.halfDoneBefore),
    ...(timings === 'timings' && {
      'at rest by itself, ms': row.recoveredMs === undefined ? 'never' : String(row.recoveredMs),
    }),
    'off in the end': signed(row.moneyAfter),
    ending: row.ending,
    'as expected': row.asExpected ? 'yes' : `no: ${row.problem}`,
  }));
}

/** C: something is away for a while. */
export function outageTable(rows: readonly OutageRow[], timings: Timings): Row[] {
  const nameOf = ({ protocol, without }: OutageRow): string =>
    without === undefined ? protocol : `${protocol}, without ${without}`;
  return [...new Set(rows.map(nameOf))].map((name) => ({
    protocol: name,
    ...Object.fromEntries(
      OUTAGES.map((away) => {
        const row = rows.find((each) => nameOf(each) === name && each.away === away);
        return [`${away} away`, row ? describeOutage(row, timings) : '–'];
      }),
    ),
  }));
}

/** A shopper who is told nothing gets an error. */
export function whatIsTold(told: OutageRow['told']): string {
  return told === 'nothing' ? 'an error' : told;
}

function describeOutage(row: OutageRow, timings: Timings): string {
  const { told, ending, bystander, lateMs, asExpected } = row;
  const parts = [
    whatIsTold(told),
    ...(ending === 'consistent' ? [] : [ending]),
    ...(timings === 'timings' && lateMs !== undefined ? [`at rest ${lateMs} ms after`] : []),
    ...(bystander === 'waits' ? ['a bystander waits'] : []),
    ...(asExpected ? [] : [`NOT AS EXPECTED: ${row.problem}`]),
  ];
  return parts.join(', ');
}

/** D: what somebody has to write. */
export async function effortTable(protocols: readonly Protocol[]): Promise<Row[]> {
  return Promise.all(
    protocols.map(async ({ name, effort }) => ({
      protocol: name,
      ...effort,
      'lines here': String(await linesOf(name)),
    })),
  );
}

/** Everything that is not as expected. */
export function problemsOf({ happy, crashes, outages }: Results): string[] {
  return [
    ...happy.filter(({ deviation }) => deviation !== 0).map(({ protocol }) => `${protocol}: the sums do not agree`),
    ...crashes
      .filter(({ asExpected }) => !asExpected)
      .map((row) => `${row.protocol}: ${describeTrial(row)}: ${row.problem}`),
    ...outages
      .filter(({ asExpected }) => !asExpected)
      .map((row) => `${row.protocol}: ${row.away} away: ${row.problem}`),
  ];
}
