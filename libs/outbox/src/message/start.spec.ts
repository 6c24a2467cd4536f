import { orderKeyOf, startOf } from './start';

const MESSAGE = { lease: undefined, delayMs: 0, deadlineMs: undefined, giveUpAfterMs: 1_000 };

it('what is handed off starts leased, with its first attempt counted', () => {
  expect(startOf({ ...MESSAGE, lease: { token: 'a', leaseMs: 30 }, delayMs: 0 })).toEqual({
    attempts: 1,
    leaseToken: 'a',
    waitMs: 30,
    deadlineMs: undefined,
    giveUpMs: 1_000,
  });
});

it('what is delayed has its whole budget from when it is due, and is due at its deadline at the latest', () => {
  expect(startOf({ ...MESSAGE, delayMs: 500 })).toMatchObject({ attempts: 0, waitMs: 500, giveUpMs: 1_500 });
  expect(startOf({ ...MESSAGE, delayMs: 500, deadlineMs: 100 })).toMatchObject({ waitMs: 100, giveUpMs: 1_500 });
});

it('is held until somebody sees that it is its turn, and its budget starts with its first attempt', () => {
  expect(startOf({ ...MESSAGE, waitsItsTurn: true })).toMatchObject({
    attempts: 0,
    waitMs: 30_000,
    giveUpMs: undefined,
  });
  expect(startOf({ ...MESSAGE, waitsItsTurn: true, deadlineMs: 100 })).toMatchObject({ waitMs: 100 });
});

it('is in order with what the same service records with the same key', () => {
  expect(orderKeyOf({ source: 'user-service', key: 'user-1' })).toBe('user-service user-1');
});
