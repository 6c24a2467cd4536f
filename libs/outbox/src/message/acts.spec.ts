import { type Act, may, reopened } from './acts';
import { type DeliveryState, EVERYBODY, FINAL_STATES, OPEN_STATES } from './delivery';
import type { Verdict } from './receipt';

const STATES: readonly DeliveryState[] = [...OPEN_STATES, 'parked', ...FINAL_STATES];
const NOW = 1_000;

function row(state: DeliveryState, over: { consumer?: string; verdict?: Verdict; code?: string } = {}) {
  return { state, consumer: 'order-service', verdict: undefined, code: undefined, ...over };
}

describe('to a row without a verdict', () => {
  it.each<[Act, DeliveryState[]]>([
    ['answer', ['pending', 'sent', 'cancelling', 'parked']],
    ['note-late-verdict', ['discarded']],
    ['cancel', ['pending', 'sent', 'parked']],
    ['retry', ['parked']],
    ['discard', []],
    ['discard-by-force', ['parked']],
  ])('may be done: %s, in %j', (act, states) => {
    expect(STATES.filter((state) => may(act, row(state), 'accepted'))).toEqual(states);
  });
});

it('a verdict is stored once, and from then on only contradicted', () => {
  expect(STATES.filter((state) => may('answer', row(state, { verdict: 'rejected' })))).toEqual([]);
  expect(may('note-late-verdict', row('compensated', { verdict: 'rejected' }), 'accepted')).toBe(true);
  expect(may('note-late-verdict', row('compensated', { verdict: 'rejected' }), 'rejected')).toBe(false);
});

it('nobody can take an announcement back', () => {
  expect(STATES.filter((state) => may('cancel', row(state, { consumer: EVERYBODY })))).toEqual([]);
});

it('nor what is parked with a verdict', () => {
  expect(may('cancel', row('parked', { verdict: 'accepted' }))).toBe(false);
});

it('what is parked is discarded without force only if it can have no effect any more', () => {
  expect(may('discard', row('parked', { code: 'GAVE_UP' }))).toBe(false);
  expect(may('discard', row('parked', { code: 'CANCEL_UNANSWERED' }))).toBe(true);
  expect(may('discard', row('parked', { code: 'EXPIRED' }))).toBe(true);
  expect(may('discard', row('parked', { verdict: 'rejected' }))).toBe(true);
  expect(may('discard', row('parked', { consumer: EVERYBODY }))).toBe(true);
});

describe('what is retried', () => {
  const parked = { consumer: 'order-service', deadlineAt: undefined, verdict: undefined };

  it('is sent again', () => {
    expect(reopened({ ...parked, deadlineAt: NOW + 1 }, NOW)).toBe('pending');
  });

  it('is cancelled past its deadline, but for an announcement', () => {
    expect(reopened({ ...parked, deadlineAt: NOW }, NOW)).toBe('cancelling');
    expect(reopened({ ...parked, deadlineAt: NOW, consumer: EVERYBODY }, NOW)).toBe('pending');
  });

  it('is followed up if its verdict is known, whatever its deadline', () => {
    expect(reopened({ ...parked, deadlineAt: NOW, verdict: 'accepted' }, NOW)).toBe('answered');
  });
});
