import { versionProblems } from './broker-checks';
import type { ManagedQueue } from './management';
import { losses } from './queue-checks';

const queue = (policy: object = {}, args: object = {}, type = 'quorum'): ManagedQueue => ({
  ...{ name: 'mail-service.user.registered', type, arguments: { ...args }, policy: 'house' },
  policies: { ...policy },
});
const said = (...[of, irreplaceable = false, limited = false]: [ManagedQueue, boolean?, boolean?]): string =>
  losses(of, irreplaceable, limited)
    .map(({ what, todo }) => `${what} ${todo}`)
    .join('\n');

describe('losses', () => {
  it('finds nothing about a queue as the library declares it', () => {
    expect(said(queue(), true)).toBe('');
    expect(said(queue({}, { 'x-delivery-limit': -1 }), true, true)).toBe('');
    expect(said(queue({ 'max-length': 10, overflow: 'reject-publish' }), true)).toBe('');
  });

  it.each([
    [queue({ 'max-length': 10 }), /max-length 10 and drops its oldest.*Take max-length out of the policy "house"/],
    [queue({ 'max-length-bytes': 10, overflow: 'drop-head' }), /drops its oldest/],
    [queue({}, { 'x-message-ttl': 500 }), /drops messages after 500 ms.*argument of the queue/],
    [queue({ expires: 60_000 }), /is deleted.*60000 ms/],
    [queue({}, {}, 'classic'), /no quorum queue but classic/],
  ])('finds what loses a message of any queue: %#', (found, says) => {
    expect(said(found)).toMatch(says);
  });

  it('minds a limit of deliveries only where nobody sends again, and nothing is dead-lettered', () => {
    const limited = queue({ 'delivery-limit': 5 });
    expect(said(limited, false)).toBe('');
    expect(said(limited, true)).toContain('came back 5 times');
    expect(said(queue({ 'delivery-limit': 5, 'dead-letter-exchange': 'dead' }), true)).toBe('');
    expect(said(queue(), true, true)).toContain('came back 20 times');
    expect(said(queue(), true, false)).toBe('');
  });
});

describe('the version of the broker', () => {
  it.each([
    [{ text: '3.10.8', number: 3_010 }, []],
    [{ text: '4.3.6', number: 4_003 }, []],
    [{ text: '3.9.13', number: 3_009 }, ['wrong']],
    [undefined, ['unknown']],
  ])('%j', (version, levels) => {
    expect(versionProblems(version).map(({ level }) => level)).toEqual(levels);
  });
});
