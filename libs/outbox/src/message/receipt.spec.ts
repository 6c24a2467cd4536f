import {
  boundedReason,
  cancelReason,
  clip,
  errorText,
  MAX_ERROR_TEXT,
  mayBecomeProcessable,
  UNSPECIFIED,
} from './receipt';

describe('an error as a text', () => {
  it('is one line of bounded length, whatever was thrown', () => {
    expect(errorText(new TypeError('no such thing'))).toBe('TypeError: no such thing');
    expect(errorText('just a text')).toBe('just a text');
    expect(Buffer.byteLength(errorText(new Error('ö'.repeat(10_000))))).toBeLessThanOrEqual(MAX_ERROR_TEXT);
  });

  it('holds nothing that a column would refuse', () => {
    expect(errorText('a\u0000b\ud800c')).toBe('ab\ufffdc');
  });

  it('is there also for what cannot be described', () => {
    const thrown = {
      toString: () => {
        throw new Error('not even that');
      },
    };
    expect(errorText(thrown)).toBe('something was thrown that cannot be described');
  });

  it('is cut at a character, never within one', () => {
    expect(clip('größer', 6)).toBe('gr…');
    expect(clip('größer', 100)).toBe('größer');
  });
});

describe('a reason', () => {
  it('travels as it was given, if it can', () => {
    const reason = { code: 'OUT_OF_STOCK', message: 'none left', details: { left: 0 } };
    expect(boundedReason(reason)).toEqual({ reason });
  });

  it('gets home whatever is wrong with it, and says what was replaced', () => {
    expect(boundedReason(undefined)).toMatchObject({ reason: { code: UNSPECIFIED }, problem: expect.any(String) });
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const bounded = boundedReason({ code: 'NO', details: circular });
    expect(bounded).toMatchObject({ reason: { code: 'NO', details: { omitted: expect.any(String) } } });
    expect(bounded.problem).toContain('the details');
  });

  it('of a cancel tells a person’s wish from a deadline', () => {
    expect(cancelReason('changed my mind')).toEqual({ code: 'CANCELLED', message: 'changed my mind' });
    expect(cancelReason(undefined).code).toBe('DEADLINE');
  });
});

it('only an unknown type may become known by itself, for so long as a deployment takes', () => {
  expect(mayBecomeProcessable('UNKNOWN_TYPE', 9)).toBe(true);
  expect(mayBecomeProcessable('UNKNOWN_TYPE', 10)).toBe(false);
  expect(mayBecomeProcessable('INVALID_PAYLOAD', 1)).toBe(false);
});
