import { isUnreachable } from './unreachable';

describe('nobody was reached', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])('if the operating system says %s', (code) => {
    expect(isUnreachable(code, new Error('x'))).toBe(true);
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Client was closed and is not queryable',
    'Pool is closed.',
    'connected party did not respond: timed out',
  ])('if the driver or the pool says so, without a code: %s', (message) => {
    expect(isUnreachable('', new Error(message))).toBe(true);
  });

  it.each([
    ['', new Error('syntax error at "connector"')],
    ['', new Error('relation "reconnect" does not exist')],
    ['', 'Connection terminated'],
    ['23505', new Error('duplicate key')],
    ['ER_DUP_ENTRY1', new Error('duplicate entry')],
  ])('but not by %j %s', (code, error) => {
    expect(isUnreachable(code, error)).toBe(false);
  });
});
