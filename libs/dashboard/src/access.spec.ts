import { foreignWrite, isLocal, visitorOf } from './access';

const here = { remoteAddress: '127.0.0.1', headers: { host: 'localhost:3000' } };

describe('Who may come in where nobody said', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])(
    'is whoever sits at this machine: %s',
    (remoteAddress) => {
      expect(isLocal({ ...here, remoteAddress })).toBe(true);
    },
  );

  it.each(['10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', '1127.0.0.1', '', undefined])('is not %s', (remoteAddress) => {
    expect(isLocal({ ...here, remoteAddress })).toBe(false);
  });

  it.each(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'])(
    'is nobody who was sent by a proxy: %s',
    (name) => {
      expect(isLocal({ ...here, headers: { ...here.headers, [name]: '127.0.0.1' } })).toBe(false);
    },
  );

  it.each(['evil.example', 'localhost.evil.example', '10.0.0.1', undefined])(
    'is nobody who calls this machine %s',
    (host) => {
      expect(isLocal({ ...here, headers: { host } })).toBe(false);
    },
  );

  it.each(['localhost', '127.0.0.1:3000', '[::1]:80'])('may call it %s', (host) => {
    expect(isLocal({ ...here, headers: { host } })).toBe(true);
  });
});

describe('What authorize answered', () => {
  it('is believed if it is an answer', () => {
    expect(visitorOf('read')).toEqual({ may: 'read', name: 'dashboard' });
    expect(visitorOf({ may: 'operate', name: 'ada' })).toEqual({ may: 'operate', name: 'ada' });
  });

  it.each([false, true, undefined, null, 'yes', 1, {}, { may: 'everything', name: 'ada' }])(
    'opens nothing as %j',
    (access) => {
      expect(visitorOf(access as never)).toBeUndefined();
    },
  );
});

describe('A write', () => {
  const json = { 'content-type': 'application/json; charset=utf-8', host: 'shop.example' };

  it.each([
    ['a page of its own', { ...json, 'sec-fetch-site': 'same-origin' }],
    ['a page of its own, over plain HTTP', { ...json, origin: 'http://shop.example' }],
    ['a program', json],
  ])('is done for %s', (_, headers) => {
    expect(foreignWrite({ headers })).toBeUndefined();
  });

  it.each([
    ['another site', { ...json, 'sec-fetch-site': 'cross-site' }],
    ['a neighbour', { ...json, 'sec-fetch-site': 'same-site' }],
    ['an address bar', { ...json, 'sec-fetch-site': 'none' }],
    ['another site, over plain HTTP', { ...json, origin: 'http://evil.example' }],
    ['a frame without origin', { ...json, origin: 'null' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a form that looks like text', { 'content-type': 'text/plain' }],
    ['somebody who does not say what it is', {}],
  ])('is refused for %s', (_, headers) => {
    expect(foreignWrite({ headers })).toEqual(expect.any(String));
  });
});
