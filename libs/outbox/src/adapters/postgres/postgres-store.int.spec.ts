import { inboxStoreContract, outboxStoreContract } from '../../testing/store-contract';
import { type FixtureOptions, PostgresFixture } from './postgres.fixture';

const CONFIGURATIONS: [string, FixtureOptions][] = [
  ['as it comes', {}],
  [
    'with other table names, without named statements, for a role that may only read and write rows',
    { schema: 'Shop', prefix: 'billing_', namedStatements: false, rowsOnly: true },
  ],
];

describe.each(CONFIGURATIONS)('PostgresStore %s', (_, options) => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start(options);
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  it('finds its tables', () => expect(fixture.outbox.checkSchema()).resolves.toBeUndefined());

  describe('as an outbox', () => {
    for (const { name, run } of outboxStoreContract()) it(name, () => run(fixture));
  });
  describe('as an inbox', () => {
    for (const { name, run } of inboxStoreContract()) it(name, () => run(fixture));
  });
});
