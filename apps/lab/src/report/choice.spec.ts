import type { Results } from '../experiments/all';
import { PROTOCOLS } from '../protocols';
import { choiceTable } from './choice';

/** As if everything had gone as each protocol expects. */
const results: Results = {
  happy: PROTOCOLS.map(({ name }) => ({
    protocol: name,
    purchases: 100,
    client: { p50: 1, p95: 2 },
    final: { p50: 1, p95: 2 },
    costs: { commits: 3, wal: 1_000, statements: 10, messages: 2, calls: 0 },
    seen: { looks: 10, wrong: 1 } as Results['happy'][number]['seen'],
    lockMs: 1,
    cold: 100,
    hot: 50,
    givenUp: 0,
    deviation: 0,
  })),
  crashes: PROTOCOLS.flatMap(({ name, trials }) =>
    trials.map(({ expected, ...trial }) => ({
      ...{ rejected: false, ...trial, ...expected, protocol: name, asExpected: true },
      ...{ bystanderMs: 0, moneyBefore: 0, halfDoneBefore: 0, moneyAfter: 0 },
    })),
  ),
  outages: PROTOCOLS.flatMap(({ name, outages }) =>
    outages.map(({ expected, told, ...trial }) => ({
      ...{ ...trial, ...expected, told: told[0]!, protocol: name, asExpected: true },
      ...{ awayMs: 10_000, bystanderMs: 0, moneyAfter: 0 },
    })),
  ),
};

describe('table E', () => {
  it('has a need for every protocol that runs', () => {
    expect(new Set(choiceTable(results).map(({ choose }) => choose))).toEqual(
      new Set(PROTOCOLS.map(({ name }) => name)),
    );
  });

  it('gives for every reason a figure, or an answer to a shopper, of tables A to D', () => {
    const reasons = choiceTable(results).flatMap(({ because }) => because!.split('; '));
    const figure =
      /^(A: [\d.]+ commits, [\d.]+ messages, [\d.]+ calls|B: (in )?\d+ of \d+ crashes .*|C: .* away, (accepted|rejected|completed|an error)|D: \d.*)$/;
    expect(reasons.filter((reason) => !figure.test(reason))).toEqual([]);
  });
});
