import type { ConsumeMessage } from 'amqplib';
import { Returns } from './returns';

const message = (messageId: unknown, headers?: Record<string, unknown>): ConsumeMessage =>
  ({ properties: { messageId, headers } }) as ConsumeMessage;

describe('how often a message came back', () => {
  it('is what the broker says, where it says it', () => {
    const returns = new Returns();
    expect(returns.before(message('a'))).toBe(0);
    expect(returns.before(message('a', { 'x-delivery-count': 3 }))).toBe(3);
    expect(returns.before(message('a', { 'x-delivery-count': 1, 'x-acquired-count': 4 }))).toBe(4);
  });

  it('is counted here where the broker says nothing, until it was handled', () => {
    const returns = new Returns();
    returns.note(message('a'));
    returns.note(message('a'));
    expect([returns.before(message('a')), returns.before(message('b'))]).toEqual([2, 0]);
    returns.forget(message('a'));
    expect(returns.before(message('a'))).toBe(0);
  });

  it.each([-1, Number.NaN, 1e300, '9', null, {}])('is no number that somebody made up (%p)', (count) => {
    expect(new Returns().before(message('a', { 'x-delivery-count': count }))).toBe(0);
  });

  it('takes a bounded memory: the oldest is forgotten first', () => {
    const returns = new Returns();
    for (let number = 0; number <= 10_000; number++) returns.note(message(`m${number}`));
    expect([returns.before(message('m0')), returns.before(message('m1'))]).toEqual([0, 1]);
  });
});
