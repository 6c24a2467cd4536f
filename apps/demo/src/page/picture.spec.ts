import { idOf, stationOf } from './picture';

it.each([
  ['pending', false, 'recorded'],
  ['pending', true, 'decided'], // the verdict is there before the confirm is
  ['sent', false, 'sent'],
  ['sent', true, 'decided'],
  ['cancelling', false, 'sent'],
  ['answered', true, 'decided'],
  ['completed', true, 'completed'],
  ['compensated', true, 'refunded'],
  ['parked', false, 'parked'],
] as const)('A message that is %s, and decided (%s), is drawn as %s', (state, decided, station) => {
  expect(stationOf(state, decided)).toBe(station);
});

it('The smallest id of a time is smaller than any that is made then, and greater than those of before', () => {
  expect(idOf(0x0190_0000_0001)).toBe('01900000-0001-7000-8000-000000000000');
  expect([idOf(1_795_300_000_000), idOf(1_795_300_000_001)].sort()).toEqual([
    idOf(1_795_300_000_000),
    idOf(1_795_300_000_001),
  ]);
});
