import { InvalidHandlerError } from '../errors';
import { resultsOf } from './results';

describe('what an array handler returns', () => {
  it('is one result per message, in their order', () => {
    expect(resultsOf(['a', undefined], 2, 'Views.count')).toEqual(['a', undefined]);
  });

  it('may be nothing at all', () => {
    expect(resultsOf(undefined, 2, 'Views.count')).toEqual([]);
  });

  it.each([
    ['too few', ['a'], /^Views\.count returned 1 results for 2 messages/],
    ['too many', ['a', 'b', 'c'], /3 results for 2 messages/],
    ['what is no array', { a: 1 }, /no array for 2 messages.*Return nothing, or an array with one result per message/],
  ])('is refused if it is %s', (_, returned, told) => {
    expect(() => resultsOf(returned, 2, 'Views.count')).toThrow(InvalidHandlerError);
    expect(() => resultsOf(returned, 2, 'Views.count')).toThrow(told);
  });
});
