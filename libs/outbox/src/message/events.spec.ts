import { levelOf, type OutboxEvent } from './events';

const of = (event: object): string => levelOf(event as OutboxEvent);

describe('the level of an event', () => {
  it.each([
    ['delivery.parked', 'alarm'],
    ['delivery.attempt-failed', 'debug'],
    ['relay.failed', 'warn'],
    ['relay.resumed', 'log'],
    ['receipt.duplicate', 'count'],
  ])('of %s is its own: %s', (event, level) => {
    expect(of({ event })).toBe(level);
  });

  it('of a receipt for a delivery that nobody knows is an alarm only where it was recorded lately, else it was pruned', () => {
    expect([true, false].map((recent) => of({ event: 'receipt.unknown-delivery', recent }))).toEqual([
      'alarm',
      'count',
    ]);
  });

  it('of trouble with the transport is an alarm where a person must mend it', () => {
    expect([true, undefined].map((alarm) => of({ event: 'transport.trouble', alarm }))).toEqual(['alarm', 'warn']);
  });

  it('of what cannot be processed is an alarm at once, unless a process that knows the type may come in a deployment', () => {
    const unprocessable = (code: string, attempt: number) => of({ event: 'inbox.unprocessable', code, attempt });
    expect(unprocessable('INVALID_PAYLOAD', 1)).toBe('alarm');
    expect([unprocessable('UNKNOWN_TYPE', 9), unprocessable('UNKNOWN_TYPE', 10)]).toEqual(['warn', 'alarm']);
  });

  it('of a group that was undone is a warning only where nobody will say why alone', () => {
    const undone = (cause: string) => of({ event: 'inbox.group-undone', cause });
    expect(['failed', 'rejected', 'contention'].map(undone)).toEqual(['warn', 'count', 'count']);
  });

  it('of a rejection is a line; what is accepted is only counted', () => {
    const handled = (verdict: string) => of({ event: 'inbox.handled', verdict });
    expect(['rejected', 'accepted'].map(handled)).toEqual(['log', 'count']);
  });
});
