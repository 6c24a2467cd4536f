import fc from 'fast-check';
import { InvalidFilterError } from '../errors';
import { criteriaOf, type DeliveryFilter, filterText, parseFilter } from './filter';

const ID = '018f0000-0000-7000-8000-000000000001';

function problemsOf(filter: string | object): readonly string[] {
  try {
    criteriaOf(filter);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidFilterError);
    return (error as InvalidFilterError).problems;
  }
}

describe('a filter', () => {
  it('means nothing in particular when it is empty', () => {
    expect(parseFilter('  ')).toEqual({});
  });

  it('is read word by word, with quotes where a value has blanks', () => {
    expect(
      parseFilter(
        `state:parked type:order.* to:order-service key:42 id:${ID} older:10m newer:2d reason:OUT_OF_STOCK code:GAVE_UP ` +
          'error:"connection \\"refused\\"" data.sku:ABC data.customer.id:"4 2"',
      ),
    ).toEqual({
      state: 'parked',
      type: 'order.*',
      to: 'order-service',
      key: '42',
      id: ID,
      older: '10m',
      newer: '2d',
      reason: 'OUT_OF_STOCK',
      code: 'GAVE_UP',
      error: 'connection "refused"',
      data: { sku: 'ABC', 'customer.id': '4 2' },
    });
  });

  it('looks for a field by few names, and by fewer numbers', () => {
    const path = (count: number, name: string): string => Array<string>(count).fill(name).join('.');
    expect(problemsOf(`data.${path(12, 'a')}.${path(4, '1')}:x`)).toEqual([]);
    expect(problemsOf(`data.${path(5, '1')}:x data.${path(17, 'a')}:x`)).toEqual([
      'data.1.1.1.1.1: has 5 numbers; at most 4 are looked for.',
      `data.${path(17, 'a')}: has 17 names; at most 16 are looked for.`,
    ]);
  });

  it('keeps a value with colons whole', () => {
    expect(parseFilter('error:ECONNREFUSED:5672 key:urn:order:7')).toEqual({
      error: 'ECONNREFUSED:5672',
      key: 'urn:order:7',
    });
  });

  it('is the same as text and as an object, whatever its values hold', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 });
    const name = fc.stringMatching(/^[a-z_]{1,8}$/);
    const filters: fc.Arbitrary<DeliveryFilter> = fc.record(
      {
        state: fc.constantFrom('open', 'parked', 'completed'),
        to: text,
        key: text,
        older: fc.constantFrom('10m', '2d'),
        error: text,
        data: fc.dictionary(name, text, { minKeys: 1, noNullPrototype: true }),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(filters, (filter) => expect(parseFilter(filterText(filter))).toEqual(filter)));
  });

  it('says all that is wrong with it at once', () => {
    expect(problemsOf('stat:parked state:done older:soon id:7 type:*.x parked to: key:1 key:2 data..x:1')).toEqual([
      '"parked" is no term: write a word, a colon and a value, e.g. state:parked or error:"connection refused".',
      '"to:" is no term: write a word, a colon and a value, e.g. state:parked or error:"connection refused".',
      'key is given twice; all terms must be true of the same delivery.',
      expect.stringMatching(/^There is no word "stat"\. Did you mean state\? There are state, type, .*data\.FIELD\.$/),
      expect.stringMatching(/^state: "done" is none of pending, sent, /),
      'older: "soon" is no length of time: write e.g. older:10m, with ms, s, m, h, d or w.',
      'id: "7" is no UUID.',
      'type: "*.x": a * may only be the end, as in type:order.*.',
      'data..x: a name is missing; write e.g. data.customer.id:42.',
    ]);
  });

  it('is held to the same as an object', () => {
    expect(problemsOf({ state: 'done', key: 42, data: { sku: 7 }, colour: 'red' })).toEqual([
      expect.stringContaining('state: "done"'),
      'key: 42 is no text, e.g. key:42.',
      expect.stringContaining('There is no word "colour"'),
      'data.sku: 7 is no text.',
    ]);
  });

  it('never fails in another way, whatever somebody types', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void problemsOf(text)));
    fc.assert(fc.property(fc.string(), (text) => void problemsOf(`state:parked ${text}`)));
  });

  it('names the states that open and final stand for', () => {
    expect(criteriaOf('state:open')).toEqual({ states: ['pending', 'sent', 'cancelling', 'answered'] });
    expect(criteriaOf('state:final').states).toEqual(['completed', 'compensated', 'delivered', 'discarded']);
    expect(criteriaOf({ state: 'sent', older: 90_000 })).toEqual({ states: ['sent'], olderMs: 90_000 });
  });
});
