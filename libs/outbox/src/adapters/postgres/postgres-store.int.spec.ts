import { testDatabasesArePooled } from '@tallystick/services';
import { retryingConflicts } from '../../concurrency/conflict';
import { inboxStoreContract, outboxStoreContract } from '../../testing/store-contract';
import type { StoreFixture } from '../../testing/store-contract-scenario';
import { type FixtureOptions, PostgresFixture } from './postgres.fixture';

const CONFIGURATIONS: [string, FixtureOptions][] = [
  ['as it comes', {}],
  ['for a role that is SERIALIZABLE by default', { settings: { default_transaction_isolation: 'serializable' } }],
  [
    'with other table names, without named statements, for a role that may only read and write rows',
    { schema: 'Shop', prefix: 'billing_', namedStatements: false, rowsOnly: true },
  ],
  ['for a role that is REPEATABLE READ by default', { settings: { default_transaction_isolation: 'repeatable read' } }],
];

/** To a pooler names and rights make no difference. */
const TO_TRY = testDatabasesArePooled() ? CONFIGURATIONS.slice(0, 2) : CONFIGURATIONS;

describe.each(TO_TRY)('PostgresStore %s', (_, options) => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start(options);
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  /** Above READ COMMITTED transactions refuse each other, and are run again: as inbox and receipts do it. */
  const subject = (): StoreFixture => ({
    outbox: fixture.outbox,
    inbox: fixture.inbox,
    advance: (ms) => fixture.advance(ms),
    transactions: options.settings
      ? {
          run: (work, how) => retryingConflicts(fixture.transactions.faults, () => fixture.transactions.run(work, how)),
        }
      : fixture.transactions,
  });

  it('finds its tables', () => expect(fixture.outbox.checkSchema()).resolves.toBeUndefined());

  describe('as an outbox', () => {
    for (const { name, run } of outboxStoreContract()) it(name, () => run(subject()));
  });
  describe('as an inbox', () => {
    for (const { name, run } of inboxStoreContract()) it(name, () => run(subject()));
  });
});
