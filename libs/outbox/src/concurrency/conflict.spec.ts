import type { Faults } from '../ports/faults';
import { retryingConflicts } from './conflict';

const CONFLICT = new Error('somebody else won');
const SESSION = new Error('this session is read-only');
const faults = {
  isConflict: (error: unknown) => error === CONFLICT,
  isSessionFault: (error: unknown) => error === SESSION,
} as Faults;

/** A transaction that fails with these, one after the other, and then succeeds. */
function failing(...errors: Error[]) {
  return jest.fn(async () => {
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  });
}

describe('a transaction', () => {
  it('that lost against another one is run again, at once, and so is one whose session was at fault', async () => {
    const transaction = failing(CONFLICT, SESSION);
    expect(await retryingConflicts(faults, transaction)).toBe('done');
    expect(transaction).toHaveBeenCalledTimes(3);
  });

  it('that loses every time is told so', async () => {
    await expect(retryingConflicts(faults, failing(CONFLICT, CONFLICT, CONFLICT))).rejects.toBe(CONFLICT);
  });

  it('that failed for another reason is not run again', async () => {
    const transaction = failing(new Error('out of stock'));
    await expect(retryingConflicts(faults, transaction)).rejects.toThrow('out of stock');
    expect(transaction).toHaveBeenCalledTimes(1);
  });
});
