import { postgresFaults } from './faults';

const { failureOf } = postgresFaults;

const withCode = (code: string): Error => Object.assign(new Error('failed'), { code });

describe('a failure of the database', () => {
  it.each(['22001', '22003', '22007', '22P02', '22P05', '23502', '23514'])('%s is in the data', (code) => {
    expect(failureOf(withCode(code))).toBe('data');
    expect(failureOf(Object.assign(new Error('QueryFailedError'), { driverError: withCode(code) }))).toBe('data');
  });

  it.each([
    ...['08006', '53300', '55P03', '57P01', '57P03', '57014', '58030', '40001', '40P01', '25006', '28P01', '3D000'],
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ])('%s is an outage', (code) => {
    expect(failureOf(withCode(code))).toBe('unavailable');
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Cannot use a pool after calling end on the pool',
    'Client has encountered a connection error and is not queryable',
  ])('"%s" is an outage', (message) => {
    expect(failureOf(new Error(message))).toBe('unavailable');
  });

  it.each([
    withCode('42P01'),
    withCode('XX000'),
    withCode('P0001'),
    new TypeError('x is not a function'),
    'text',
    undefined,
  ])('%s is neither', (error) => {
    expect(failureOf(error)).toBe('other');
  });
});
