import { BadRequestException } from '@nestjs/common';
import { checkedKey } from './idempotency-key';

describe('checkedKey', () => {
  it.each([undefined, 'k', 'k'.repeat(255)])('passes %j', (key) => {
    expect(checkedKey(key)).toBe(key);
  });

  it.each(['', 'k'.repeat(256)])('refuses %j', (key) => {
    expect(() => checkedKey(key)).toThrow(BadRequestException);
  });
});
