import { columnOf, columnOfIso, isoOf, msOf } from './instants';

describe('Instants', () => {
  it('keep their microseconds on the way from a column to a number and back, in every century there is', () => {
    for (const column of [
      '1970-01-01 00:00:00.000000',
      '2026-11-29 11:22:33.123456',
      '2026-11-29 11:22:33.999999',
      '2038-01-19 03:14:08.000001',
      '2199-12-31 23:59:59.123457',
    ]) {
      expect(columnOf(msOf(column))).toBe(column);
    }
  });

  it('add up in milliseconds', () => {
    expect(columnOf(msOf('2026-11-29 11:22:33.999999') + 0.001)).toBe('2026-11-29 11:22:34.000000');
    expect(columnOf(msOf('2026-02-28 23:59:59.500000') + 1000)).toBe('2026-03-01 00:00:00.500000');
  });

  it('are ISO 8601 for everybody else', () => {
    expect(isoOf('2026-11-29 11:22:33.123456')).toBe('2026-11-29T11:22:33.123456Z');
  });

  it.each([
    ['2026-11-29T11:22:33.123456Z', '2026-11-29 11:22:33.123456'],
    ['2026-11-29T11:22:33.1Z', '2026-11-29 11:22:33.100000'],
    ['2026-11-29T11:22:33Z', '2026-11-29 11:22:33.000000'],
    ['2026-11-29T01:22:33.000001+02:00', '2026-11-28 23:22:33.000001'],
    ['2026-11-28T23:22:33.5-05:30', '2026-11-29 04:52:33.500000'],
  ])('are read with their time zone: %s', (iso, column) => {
    expect(columnOfIso(iso)).toBe(column);
  });
});
