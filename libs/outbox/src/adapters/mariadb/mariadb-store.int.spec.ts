import { once } from 'node:events';
import { join } from 'node:path';
import type { Findings } from '../../testing/mariadb-abroad.fixture';
import { type ContractCase, inboxStoreContract, outboxStoreContract } from '../../testing/store-contract';
import { processOf } from '../../testing/typescript-process.fixture';
import { MariaDbFixture, type MariaDbFixtureOptions } from './mariadb.fixture';

const CONFIGURATIONS: [string, MariaDbFixtureOptions][] = [
  ['as it comes', {}],
  [
    "with other table names, TypeORM's mysql driver, for an application at REPEATABLE READ",
    { prefix: 'billing_', type: 'mysql', isolation: 'REPEATABLE READ' },
  ],
  [
    'on a server in another time zone that refuses what has changed since a snapshot',
    { isolation: 'REPEATABLE READ', settings: { 'innodb-snapshot-isolation': 'ON', 'default-time-zone': '-05:00' } },
  ],
];

describe.each(CONFIGURATIONS)('MariaDbStore %s', (_, options) => {
  let fixture: MariaDbFixture;

  beforeAll(async () => {
    fixture = await MariaDbFixture.start(options);
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  const keeps = ({ name, run }: ContractCase): void => it(name, () => run(fixture));

  it('finds its tables', () => expect(fixture.outbox.checkSchema()).resolves.toBeUndefined());

  describe('as an outbox', () => outboxStoreContract().forEach(keeps));
  describe('as an inbox', () => inboxStoreContract().forEach(keeps));
});

describe('MariaDbStore in a process in New York', () => {
  it('keeps the whole contract', async () => {
    const { zone, kept, broken } = await contractIn('America/New_York');
    expect(zone).toBe('America/New_York');
    expect(broken).toEqual([]);
    expect(kept).toBe(outboxStoreContract().length + inboxStoreContract().length);
  });
});

/** In a process of its own, which tells what it has found over its channel. */
async function contractIn(zone: string): Promise<Findings> {
  const child = processOf(join(__dirname, '../../testing/mariadb-abroad.fixture.ts'), { env: { TZ: zone } });
  const exit = once(child, 'exit');
  const told = once(child, 'message').then(([findings]) => findings as Findings);
  const ended = exit.then(([code]) => Promise.reject(new Error(`the process ended with ${String(code)}`)));
  const findings = await Promise.race([told, ended]);
  ended.catch(() => {});
  await exit;
  return findings;
}
