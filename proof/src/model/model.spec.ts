import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADVERSARY_PROPERTIES, adversary, type AdversaryRule } from './adversary';
import { type ChainState, nested, orchestrated, reported } from './chains';
import { CHAPTERS } from './chapters';
import { explore } from './explorer';
import { ModelSummary, renderProtocolPage, RemovalResult, renderTracesPage, runModel } from './index';
import { LESSONS } from './lesson-text';
import { BASELINE, RuleName } from './rules';

const DOCS = join(__dirname, '../../../docs');

/** Written from the design, not from the model: which property each removal must break. */
const EXPECTED: Readonly<Record<string, string>> = {
  ...{ R1: 'I11', R1a: 'I5', R2: 'I1', R3: 'I1', R3a: 'I3', R4: 'I6', R4a: 'I6', R5: 'L2' },
  ...{ R6: 'I5', R6a: 'I12', R6b: 'I5', R6c: 'I5', R7: 'I5', R8: 'I6', R8a: 'I6', R8b: 'L4', R8c: 'I6' },
  ...{
    R9: 'I1',
    R9a: 'I1',
    R9b: 'I6',
    R9c: 'I1',
    R9d: 'L5',
    R10: 'I8',
    R11: 'L2',
    R12: 'I6',
    R13a: 'I4',
    R13b: 'I4',
    R13c: 'I4',
  },
  ...{ R14a: 'L5', R14b: 'L2', R14c: 'L4', R15: 'I7', R15a: 'I7', R15b: 'I7' },
  ...{ T1: 'L1', T2: 'I5', T3: 'I14', T4: 'I13', T5: 'I5', T6: 'I6', T7: 'L1', T8: 'I10', T9: 'I10', T10: 'I12' },
  ...{ T11: 'L3', T12: 'L6', T13: 'I14', T14: 'L3', T15: 'L7', T16: 'I10' },
};
const FOR_SPEED = ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7'];

describe('the model of the protocol', () => {
  let summary: ModelSummary;
  const removal = (id: string) => summary.request.removals.find((result) => result.id === id) as RemovalResult;

  beforeAll(async () => {
    summary = await runModel({ size: 'small' });
  }, 300_000);

  it('keeps every property with all its rules, in every small world', () => {
    const { baselines } = summary.request;
    expect(baselines.map(({ world, holds }) => [world, holds])).toEqual([
      ['young', true],
      ['two relays', true],
      ['ageing', true],
      ['deploys', true],
      ['contradictions', true],
    ]);
  });

  it.each(Object.entries(EXPECTED))('without %s breaks %s, and tells how', (id, property) => {
    const { outcome, property: broken, trace } = removal(id);
    expect({ outcome, broken }).toEqual({ outcome: 'breaks', broken: property });
    expect(trace.length).toBeGreaterThan(1);
  });

  it.each(FOR_SPEED)('without %s breaks nothing: that rule is for speed or visibility', (id) => {
    expect(removal(id)).toMatchObject({ outcome: 'speed-only', trace: [] });
  });

  it('says why there is no way on wherever it is a way on that is missing', () => {
    const stuck = summary.request.removals.filter(({ property }) => property?.startsWith('L'));
    expect(stuck.filter(({ thereafter }) => thereafter === undefined)).toEqual([]);
  });

  it('removes every switch somewhere, and expects something of every removal', () => {
    const removals = CHAPTERS.flatMap((chapter) => chapter.removals);
    const removed = new Set(removals.flatMap(({ without }) => without));
    expect((Object.keys(BASELINE) as RuleName[]).filter((rule) => !removed.has(rule))).toEqual([]);
    expect(removals.map(({ id }) => id).sort()).toEqual([...Object.keys(EXPECTED), ...FOR_SPEED].sort());
  });

  it('changes the state of a delivery only along the arrows of the design', () => {
    const verdict = ['answered', 'compensated', 'completed'];
    expect(summary.chart).toEqual({
      none: ['recording'],
      recording: ['pending', 'rolledBack'],
      pending: [...verdict, 'cancelling', 'parked', 'sent'].sort(),
      sent: [...verdict, 'cancelling', 'parked', 'pending'].sort(),
      cancelling: [...verdict, 'parked'].sort(),
      answered: ['compensated', 'completed', 'parked'],
      parked: [...verdict, 'cancelling', 'discarded', 'pending'].sort(),
    });
  });

  it('loses announcements, mixes up consumers and believes anybody without their rules and the checks', () => {
    for (const { baselines, removals } of [summary.announcement, summary.consumers, summary.adversary]) {
      expect(baselines.every(({ holds }) => holds)).toBe(true);
      expect(removals.filter(({ outcome }) => outcome !== 'breaks')).toEqual([]);
    }
  });

  it('keeps bundles as safe as lone messages, and says which of their rules only save time', () => {
    const { baselines, removals } = summary.bundles;
    expect(baselines.every(({ holds }) => holds)).toBe(true);
    expect(Object.fromEntries(removals.map(({ id, property }) => [id, property]))).toEqual({
      ...{ B1: 'PB2', B2: 'PB1', B3: 'PB1', B4: undefined, B5: undefined },
    });
  });

  it('shows a half message if, and only if, its work was committed, and only with all of its rules', () => {
    const { baselines, removals } = summary.halfMessages;
    expect(baselines.every(({ holds }) => holds)).toBe(true);
    expect(Object.fromEntries(removals.map(({ id, property }) => [id, property]))).toEqual({
      ...{ H1: 'PH3', H2: 'PH1', H3: 'PH3', H4: 'PH3', H5: 'PH3', H6: 'PH3', H7: 'PH2' },
    });
  });

  it('keeps the order of a key, and lets nobody wait for ever, only with all of its rules', () => {
    const { baselines, removals } = summary.ordered;
    expect(baselines.every(({ holds }) => holds)).toBe(true);
    expect(Object.fromEntries(removals.map(({ id, property }) => [id, property]))).toEqual({
      ...{ K1: 'PK1', K2: 'PK1', K3: 'PK1', K4: 'PK1', K5: 'PK3', K6: 'PK3', K7: 'PK2', K8: 'PK3' },
    });
  });

  it('lets three services agree in three ways, each with all of its rules only', () => {
    const { nested, orchestrated, reported } = summary.chains;
    for (const { baselines } of [nested, orchestrated, reported])
      expect(baselines.map(({ holds }) => holds)).toEqual([true]);
    const broken = [...nested.removals, ...orchestrated.removals, ...reported.removals];
    expect(Object.fromEntries(broken.map(({ id, property }) => [id, property]))).toEqual({
      ...{ N1: 'PC4', N2: 'PC2', N3: 'PC4', N4: 'PC4', N5: 'PC6', N6: 'PC1', N7: 'PC4', N8: 'PC5', N9: 'PC1' },
      ...{ O1: 'PC4', O2: 'PC1', O3: 'PC1', O4: 'PC4', W1: 'PC4', W2: 'PC4' },
    });
  });

  it('is quoted right by the decision that no verdict waits for another', () => {
    const { removals, baselines } = summary.chains.nested;
    const { trace } = removals.find(({ id }) => id === 'N9')!;
    const decision = readFileSync(join(DOCS, 'adr', '0016-no-verdict-waits-for-another.md'), 'utf8');
    expect(decision).toContain(trace.map((sentence, at) => `${at + 1}. ${sentence}`).join('\n'));
    const states = [baselines, summary.chains.orchestrated.baselines, summary.chains.reported.baselines].map(
      ([whole]) => whole!.states.toLocaleString('en'),
    );
    expect([...decision.matchAll(/ ([\d,]+) \|$/gm)].map(([, count]) => count)).toEqual(states);
  });

  it.each([
    ['a verdict that waits', nested()],
    ['orchestration', orchestrated()],
    ['a report', reported()],
  ])('can end a purchase over three services either way, by %s', (_, model) => {
    for (const end of ['completed', 'rejected'] as const) {
      const never = { kind: 'invariant', id: end, says: '', holds: (s: ChainState) => s.purchase !== end } as const;
      expect(explore(model, [never]).broken?.property).toBe(end);
    }
  });

  it('has a second check where the first one falls: each holds alone for its own property', () => {
    const broken = (without: readonly AdversaryRule[], property: string): boolean =>
      explore(
        adversary(without),
        ADVERSARY_PROPERTIES.filter(({ id }) => id === property),
      ).broken !== undefined;
    expect(broken(['messagesAreChecked'], 'PV1')).toBe(false);
    expect(broken(['answerNamesContent'], 'PV1')).toBe(false);
    expect(broken(['messagesAreChecked'], 'PV4')).toBe(false);
    expect(broken(['queueYieldsOwnKind'], 'PV4')).toBe(false);
  });

  it('is plain data and is content with what it found', () => {
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summary.ok).toBe(true);
  });

  it('teaches every rule once, and shows with each what the actors hold', () => {
    const taught = LESSONS.flatMap(({ rules }) => rules);
    const rules = CHAPTERS.filter(({ id }) => /^R\d/.test(id)).map(({ id }) => id);
    expect(taught.map(({ id }) => id).sort()).toEqual([...rules].sort());
    const shown = taught.flatMap(({ example }) => (example === undefined ? [] : [removal(example)]));
    expect(shown.filter(({ trace, holdings }) => trace.length !== holdings?.length)).toEqual([]);
    const last = removal('R8').holdings!.at(-1);
    expect(last).toEqual(['*compensated*, refund', 'receipt *accepted*', 'inbox *accepted*, order']);
  });

  it('renders docs/protocol.md as it is committed (if not: render it again)', () => {
    expect(readFileSync(join(DOCS, 'protocol.md'), 'utf8')).toBe(renderProtocolPage(summary));
  });

  // The committed page comes from a full run, which ends with one section more. The rest must be what this run renders.
  it('renders docs/protocol-traces.md as it is committed (if not: render it again from a full run)', () => {
    const committed = readFileSync(join(DOCS, 'protocol-traces.md'), 'utf8');
    const [page, everything] = committed.split('\n## Everything at once\n');
    expect(page).toBe(renderTracesPage(summary));
    expect(everything).toContain('every property holds');
  });
});
