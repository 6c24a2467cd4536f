import 'reflect-metadata';
import { IsAddress, readConfig, ServiceConfig } from './config';

const minimal = { DATABASE_URL: 'postgres://app:secret@db/users', AMQP_URL: 'amqp://app:secret@broker' };

describe('readConfig', () => {
  it('fills in the defaults and leaves the rest of the environment alone', () => {
    expect({ ...readConfig(ServiceConfig, { ...minimal, PATH: '/usr/bin' }) }).toEqual({
      NODE_ENV: 'development',
      HOST: '127.0.0.1',
      PORT: 3000,
      LOG_LEVEL: 'warn',
      TRANSPORT: 'rabbitmq',
      AMQP_CHECK_USERS: 'false',
      ...minimal,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig(ServiceConfig, { ...minimal, PORT: '', HOST: '' })).toMatchObject({
      PORT: 3000,
      HOST: '127.0.0.1',
    });
  });

  it('reports all problems at once, without the values', () => {
    const broken = { PORT: 'eighty', LOG_LEVEL: 'loud', DATABASE_URL: 'mssql://root:secret@db', TRANSPORT: 'pigeon' };
    const report = messageOf(() => readConfig(ServiceConfig, broken));
    for (const name of Object.keys(broken)) expect(report).toContain(name);
    expect(report).not.toContain('secret');
  });

  it.each(['postgres', 'postgresql', 'mariadb', 'mysql'])('takes a database at %s://', (scheme) => {
    const DATABASE_URL = `${scheme}://app:secret@db/users`;
    expect(readConfig(ServiceConfig, { ...minimal, DATABASE_URL })).toMatchObject({ DATABASE_URL });
  });

  it('needs a broker only for the transport that has one', () => {
    const { DATABASE_URL } = minimal;
    expect(messageOf(() => readConfig(ServiceConfig, { DATABASE_URL }))).toContain('AMQP_URL');
    expect(readConfig(ServiceConfig, { DATABASE_URL, TRANSPORT: 'direct' }).TRANSPORT).toBe('direct');
  });

  it('names the broker user only where users are to be checked', () => {
    expect(readConfig(ServiceConfig, minimal).brokerUser).toBeUndefined();
    const checked = { ...minimal, AMQP_URL: 'amqp://shop%2Fapp:secret@broker', AMQP_CHECK_USERS: 'true' };
    expect(readConfig(ServiceConfig, checked).brokerUser).toBe('shop/app');
    expect(messageOf(() => readConfig(ServiceConfig, { ...minimal, AMQP_CHECK_USERS: 'maybe' }))).toContain('AMQP_CHE');
  });

  it('signs with the first of the signing keys, and takes them all', () => {
    const [fresh, old] = ['a:colon in a secret of thirty-two characters', 'an old secret of thirty-two characters'];
    expect(readConfig(ServiceConfig, minimal).signing).toBeUndefined();
    expect(readConfig(ServiceConfig, { ...minimal, SIGNING_KEYS: `k2:${fresh},k1:${old}` }).signing).toEqual({
      sign: 'k2',
      keys: { k2: fresh, k1: old },
    });
  });

  it.each(['short:secret', 'no key at all', ':secret of thirty-two characters, and more', 'k1:'])(
    'refuses the signing keys %j, and does not show them',
    (SIGNING_KEYS) => {
      const report = messageOf(() => readConfig(ServiceConfig, { ...minimal, SIGNING_KEYS }));
      expect(report).toContain('SIGNING_KEYS');
      expect(report).not.toContain(SIGNING_KEYS);
    },
  );

  it.each(['amqp://guest:guest@broker', 'amqp://broker'])('refuses %s in production only', (AMQP_URL) => {
    expect(readConfig(ServiceConfig, { ...minimal, AMQP_URL }).AMQP_URL).toBe(AMQP_URL);
    expect(messageOf(() => readConfig(ServiceConfig, { ...minimal, AMQP_URL, NODE_ENV: 'production' }))).toContain(
      'guest',
    );
  });

  it.each([
    ['DATABASE_URL', 'postgres://app:change-me-postgres@db/users'],
    ['AMQP_URL', 'amqp://app:change-me-user-service@broker'],
    ['SIGNING_KEYS', '2026-11:change-me-to-thirty-two-or-more-characters'],
  ])('refuses the secret of the example in %s, in production only, and does not show it', (name, value) => {
    const environment = { ...minimal, [name]: value };
    expect(readConfig(ServiceConfig, environment)).toMatchObject({ [name]: value });
    const report = messageOf(() => readConfig(ServiceConfig, { ...environment, NODE_ENV: 'production' }));
    expect(report).toContain(name);
    expect(report).not.toContain('change-me');
  });
});

describe('IsAddress', () => {
  class WithAddress extends ServiceConfig {
    @IsAddress()
    PEER!: string;
  }

  it.each(['127.0.0.1:4002', 'order-service:4002', '[::1]:4002'])('accepts %s', (PEER) => {
    expect(readConfig(WithAddress, { ...minimal, PEER }).PEER).toBe(PEER);
  });

  it.each(['order-service', 'http://order-service:4002', 'a b:1', ':4002'])('refuses %s', (PEER) => {
    expect(messageOf(() => readConfig(WithAddress, { ...minimal, PEER }))).toContain('PEER');
  });
});

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected an error');
}
