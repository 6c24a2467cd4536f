import { type ProofSummary, withMeasured } from './summary';

const SUMMARY: ProofSummary = {
  ok: true,
  date: '2026-01-31',
  seed: 7,
  processors: 2,
  seconds: 61,
  model: { ok: true, size: 'small', states: 133_239, breaking: 48, harmless: 7, unexpected: [] },
  broken: [],
};

describe('the measured block', () => {
  it('replaces what is between the markers, and nothing else', () => {
    const page = 'before\n<!-- measured:start -->\nold\n<!-- measured:end -->\nafter\n';
    expect(withMeasured(page, SUMMARY)).toBe(
      'before\n<!-- measured:start -->\n' +
        '`npm run prove -- all --seed 7`, 2026-01-31, 2 processors: everything held.\n\n' +
        '- **model** (small): 133,239 states with all rules, every property holds; of the removals 48 break a property ' +
        'and 7 none; 0 unexpected.\n' +
        '<!-- measured:end -->\nafter\n',
    );
  });

  it('says so when something did not hold', () => {
    const page = '<!-- measured:start --><!-- measured:end -->';
    expect(withMeasured(page, { ...SUMMARY, ok: false })).toContain('something did not hold');
  });

  it.each(['no markers', '<!-- measured:end --> <!-- measured:start -->'])('leaves %j alone', (page) => {
    expect(withMeasured(page, SUMMARY)).toBeUndefined();
  });
});
