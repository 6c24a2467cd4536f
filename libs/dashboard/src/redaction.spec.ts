import { isHidden, redacted } from './redaction';

const payload = {
  sku: 'a',
  customer: { email: 'x@y', name: 'Ada' },
  cards: [{ number: '1', bank: 'b' }, { number: '2' }],
};

describe('What is hidden', () => {
  it('is what a path leads to, with all that is in it', () => {
    expect(redacted(payload, ['customer'])).toEqual({ ...payload, customer: '•••' });
    expect(redacted(payload, ['customer.email', 'cards.*.number'])).toEqual({
      sku: 'a',
      customer: { email: '•••', name: 'Ada' },
      cards: [{ number: '•••', bank: 'b' }, { number: '•••' }],
    });
    expect(redacted(payload, ['*'])).toEqual({ sku: '•••', customer: '•••', cards: '•••' });
  });

  it('is nothing where no path leads', () => {
    expect(redacted(payload, ['customers.email', 'sku.a', 'cards.9'])).toEqual(payload);
    expect(redacted('text', ['a'])).toBe('text');
  });

  it.each([
    ['customer.email', true],
    ['customer.email.domain', true],
    ['customer', true],
    ['customer.name', false],
    ['cards.0.number', true],
    ['cards.0.bank', false],
    ['sku', false],
  ])('cannot be searched for: %s', (field, hidden) => {
    expect(isHidden(field, ['customer.email', 'cards.*.number'])).toBe(hidden);
    expect(isHidden(field, 'everything')).toBe(true);
  });
});
