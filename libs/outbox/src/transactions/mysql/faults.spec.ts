import { mysqlFaults } from './faults';

const { failureOf, isConflict, isSessionFault } = mysqlFaults;
const failed = (errno: number, sqlState: string, code = 'ER_SOMETHING'): Error =>
  Object.assign(new Error('failed'), { errno, sqlState, code });
const wrapped = (driverError: Error): Error => Object.assign(new Error('QueryFailedError'), { driverError });

describe('a failure of MariaDB or MySQL', () => {
  it.each([
    ['a text that is too long', 1406, '22001'],
    ['a number out of range', 1264, '22003'],
    ['a text that is no text', 1366, 'HY000'],
    ['a duplicate', 1062, '23000'],
    ['a CHECK of MariaDB', 4025, '23000'],
    ['a CHECK of MySQL', 3819, 'HY000'],
  ])('is in the data: %s', (_, errno, sqlState) => {
    expect(failureOf(failed(errno, sqlState))).toBe('data');
    expect(failureOf(wrapped(failed(errno, sqlState)))).toBe('data');
  });

  it.each([
    ['too many connections', 1040, '08004'],
    ['a wrong password', 1045, '28000'],
    ['a statement that was killed', 1317, '70100'],
    ['a connection that was killed', 1927, '70100'],
    ['a server that shuts down', 1053, '08S01'],
    ['a replica', 1290, 'HY000'],
    ['a full disk', 1021, 'HY000'],
    ['a deadlock', 1213, '40001'],
    ['a lock that was waited for too long', 1205, 'HY000'],
  ])('is an outage: %s', (_, errno, sqlState) => {
    expect(failureOf(failed(errno, sqlState))).toBe('unavailable');
  });

  it.each([
    Object.assign(new Error('connect ECONNREFUSED'), { errno: -111, code: 'ECONNREFUSED' }),
    Object.assign(new Error('The server closed it'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }),
    new Error("Can't add new command when connection is in closed state"),
    new Error('Pool is closed.'),
  ])('is an outage: %s', (error) => {
    expect(failureOf(error)).toBe('unavailable');
  });

  it.each([failed(1146, '42S02'), failed(1064, '42000'), new TypeError('x is not a function'), 'text', undefined])(
    'is neither: %s',
    (error) => {
      expect(failureOf(error)).toBe('other');
    },
  );

  it('wants the transaction again after a deadlock, a lock that was waited for too long and a row that changed meanwhile', () => {
    const conflicts = [1213, 1205, 1020].map((errno) => wrapped(failed(errno, 'HY000')));
    expect(conflicts.map(isConflict)).toEqual([true, true, true]);
    expect([failed(1062, '23000'), new Error('no'), undefined].map(isConflict)).toEqual([false, false, false]);
  });

  it('is the fault of the session if the server takes no writes, or ends it', () => {
    const faults = [1290, 1792, 1836, 1053, 1927, 4031].map((errno) => failed(errno, 'HY000'));
    expect(faults.every(isSessionFault)).toBe(true);
    expect(isSessionFault(failed(1213, '40001'))).toBe(false);
  });
});
