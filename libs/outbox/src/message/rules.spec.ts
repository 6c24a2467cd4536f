import { type DeliveryState, EVERYBODY, FINAL_STATES, OPEN_STATES } from './delivery';
import { dueAfter, type DueRow, HELD_MS, heldFor, isLegal, judge, type Situation, STEPS } from './rules';

const limits = { maxFollowUpAttempts: 3 };
const NOW = 1_000;

function due(state: DeliveryState, over: Partial<DueRow> = {}): DueRow {
  return {
    state,
    consumer: 'order-service',
    attempts: 1,
    deadlineAt: undefined,
    giveUpAt: undefined,
    code: undefined,
    paused: false,
    outOfTurn: false,
    ...over,
  };
}

describe('a row that is due', () => {
  it.each(OPEN_STATES)('in %s is tried again while its budget and its deadline last', (state) => {
    expect(judge(due(state, { giveUpAt: NOW + 1, deadlineAt: NOW + 1 }), NOW, limits)).toBeUndefined();
    expect(judge(due(state), NOW, limits)).toBeUndefined();
  });

  it.each(['pending', 'sent'] as const)(
    'in %s is cancelled at its deadline, before its budget is looked at',
    (state) => {
      expect(judge(due(state, { deadlineAt: NOW, giveUpAt: NOW }), NOW, limits)).toEqual({ in: 'cancelling' });
    },
  );

  it.each(['cancelling', 'answered'] as const)('in %s has no deadline any more', (state) => {
    expect(judge(due(state, { deadlineAt: NOW }), NOW, limits)).toBeUndefined();
  });

  it.each(['pending', 'sent'] as const)(
    'in %s is held while it is paused, its budget spent or not, and not past its deadline',
    (state) => {
      const held = { in: 'held', code: 'PAUSED' };
      expect(judge(due(state, { paused: true, giveUpAt: NOW, deadlineAt: NOW + 1 }), NOW, limits)).toEqual(held);
      expect(judge(due(state, { paused: true, deadlineAt: NOW }), NOW, limits)).toEqual({ in: 'cancelling' });
    },
  );

  it.each(['cancelling', 'answered'] as const)('in %s goes on while it is paused', (state) => {
    expect(judge(due(state, { paused: true }), NOW, limits)).toBeUndefined();
  });

  it('is held while an earlier one is not final, until its first copy; a deadline does not wait, and a pause says so first', () => {
    const waits = { in: 'held', code: 'WAITS_ITS_TURN' };
    expect(judge(due('pending', { outOfTurn: true, giveUpAt: NOW, deadlineAt: NOW + 1 }), NOW, limits)).toEqual(waits);
    expect(judge(due('pending', { outOfTurn: true, deadlineAt: NOW }), NOW, limits)).toEqual({ in: 'cancelling' });
    expect(judge(due('pending', { outOfTurn: true, paused: true }), NOW, limits)).toEqual({
      in: 'held',
      code: 'PAUSED',
    });
    for (const state of ['sent', 'cancelling', 'answered'] as const)
      expect(judge(due(state, { outOfTurn: true }), NOW, limits)).toBeUndefined();
  });

  it('is never cancelled if everybody is its consumer', () => {
    expect(judge(due('pending', { consumer: EVERYBODY, deadlineAt: NOW }), NOW, limits)).toBeUndefined();
  });

  it.each([
    ['pending', undefined, 'GAVE_UP'],
    ['sent', 'REFUSED', 'GAVE_UP'],
    ['pending', 'NOBODY_LISTENS', 'NOBODY_LISTENS'],
    ['pending', 'NOBODY_LISTENS_YET', 'GAVE_UP'],
    ['cancelling', 'NOBODY_LISTENS', 'CANCEL_UNANSWERED'],
    ['answered', undefined, 'FOLLOW_UP_FAILED'],
  ] as const)('in %s, after %s, is parked as %s when its budget is spent', (state, before, code) => {
    expect(judge(due(state, { giveUpAt: NOW, code: before }), NOW, limits)).toEqual({ in: 'parked', code });
  });

  it('is parked when its follow-up failed as often as it may, however much budget is left', () => {
    const parked = { in: 'parked', code: 'FOLLOW_UP_FAILED' };
    expect(judge(due('answered', { attempts: 3, giveUpAt: NOW + 1 }), NOW, limits)).toEqual(parked);
    expect(judge(due('sent', { attempts: 3 }), NOW, limits)).toBeUndefined();
  });
});

it('looks by itself after it has waited as long again, neither sooner than half a minute nor later than five', () => {
  expect([0, 40_000, 86_400_000].map((ageMs) => heldFor('WAITS_ITS_TURN', ageMs))).toEqual([30_000, 40_000, 300_000]);
  expect(heldFor('PAUSED', 0)).toBe(HELD_MS);
});

it('waits for nothing past the deadline while a copy is on its way, and as long as it should afterwards', () => {
  expect(dueAfter(due('sent', { deadlineAt: 1_500 }), NOW, 2_000)).toBe(1_500);
  expect(dueAfter(due('sent', { deadlineAt: 5_000 }), NOW, 2_000)).toBe(3_000);
  expect(dueAfter(due('cancelling', { deadlineAt: 1_500 }), NOW, 2_000)).toBe(3_000);
});

it('no mark leaves a state that is no longer open', () => {
  for (const { leaves } of Object.values(STEPS)) expect(OPEN_STATES).toEqual(expect.arrayContaining([...leaves]));
});

describe('a legal row', () => {
  const situation = (state: DeliveryState, over: Partial<Situation> = {}): Situation => {
    const open = OPEN_STATES.some((each) => each === state);
    const settled = FINAL_STATES.some((each) => each === state);
    const verdict =
      state === 'compensated' ? 'rejected' : ['answered', 'completed'].includes(state) ? 'accepted' : undefined;
    return { state, verdict, due: open, leased: open, settled, ...over };
  };

  it.each([...OPEN_STATES, 'parked' as const, ...FINAL_STATES])('may be in %s', (state) => {
    expect(isLegal(situation(state))).toBe(true);
    expect(isLegal(situation(state, { leased: false }))).toBe(true);
    expect(isLegal(situation(state, { settled: !situation(state).settled }))).toBe(false);
    expect(isLegal(situation(state, { due: !situation(state).due, leased: false }))).toBe(false);
  });

  it('is leased only while it is due', () => {
    for (const state of ['parked', ...FINAL_STATES] as const)
      expect(isLegal(situation(state, { leased: true }))).toBe(false);
  });

  it.each([
    ['pending', 'accepted'],
    ['cancelling', 'rejected'],
    ['answered', undefined],
    ['completed', 'rejected'],
    ['compensated', 'accepted'],
    ['delivered', 'accepted'],
  ] as const)('is never %s with the verdict %s', (state, verdict) => {
    expect(isLegal(situation(state, { verdict }))).toBe(false);
  });
});
