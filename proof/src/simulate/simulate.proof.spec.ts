import { FAULT_KINDS } from './faults';
import { simulateQueues } from './queues';
import { run } from './run';
import { SABOTAGES } from './sabotage';
import { simulate, type SimulationSummary } from './simulate';

const FIRST_SEED = 1;
const LONG_MS = 300_000;

describe('the library under every fault', () => {
  let summary: SimulationSummary;
  beforeAll(async () => {
    summary = await simulate({ firstSeed: FIRST_SEED, seeds: 300, workers: 1 });
  }, LONG_MS);

  it('keeps the promise with every seed', () => {
    expect(summary.failures).toEqual([]);
    expect(summary.ok).toBe(true);
  });

  it('met every kind of fault', () => {
    expect(Object.keys(summary.faults).sort()).toEqual([...FAULT_KINDS].sort());
  });

  it('walked the paths that faults lead to', () => {
    expect(Object.keys(summary.endings)).toEqual(expect.arrayContaining(['compensated', 'completed', 'delivered']));
    expect(Object.keys(summary.reports)).toEqual(
      expect.arrayContaining([
        'delivery.cancelling',
        'delivery.lease-ran-short',
        'follow-up.failed',
        'follow-up.missing',
        'inbox.cancelled',
        'inbox.deferred',
        'inbox.replayed',
        'inbox.twin-in-progress',
        'inbox.unprocessable',
        'receipt.duplicate',
      ]),
    );
  });
});

// Every rule is taken out in ../controls; here it is enough that the auditor is not asleep.
describe('a build with one rule taken out', () => {
  it.each([
    'R2: a second copy is the first again',
    'R7: the row is closed before its follow-up runs',
    'R11: sent is done',
    'what is to be in order is claimed without a look at what is before it',
    'the next of a key is looked for among those that wait only',
    'numbers are drawn without waiting for who records the same key',
  ])('is caught: %s', async (name) => {
    let violation: string | undefined;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 100 && violation === undefined; seed++) {
      ({ violation } = await run(seed, { sabotage: SABOTAGES[name]! }));
    }
    expect(violation).toBeDefined();
  });
});

describe('long queues at four relays', () => {
  it(
    'stay in order under every fault, and builds that keep no order are caught',
    async () => {
      const { controls, ...found } = await simulateQueues({ messages: 1_500, firstSeed: FIRST_SEED, workers: 1 });
      expect(found).toMatchObject({ ok: true, relays: 4, failures: [] });
      expect(found.messages).toBeGreaterThanOrEqual(1_500);
      expect(found.faultsInjected).toBeGreaterThan(100);
      for (const { evidence } of controls) expect(evidence).toContain('I10 order of a key');
    },
    LONG_MS,
  );
});
