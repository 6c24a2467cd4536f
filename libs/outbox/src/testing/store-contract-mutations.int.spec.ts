import { MariaDbFixture } from '../adapters/mariadb/mariadb.fixture';
import { PostgresFixture } from '../adapters/postgres/postgres.fixture';
import { SystemClock } from '../adapters/system/system-clock';
import { MAY } from '../message/acts';
import { JUDGEMENTS, ON_THE_WAY, STEPS } from '../message/rules';
import { MemoryDatabase } from './memory/memory-database';
import { MemoryStore } from './memory/memory-store';
import { MemoryTransactions } from './memory/memory-transactions';
import { outboxStoreContract, type StoreFixture } from './store-contract';

/** One wrong word in a list of rules, until `jest.restoreAllMocks`. */
const MUTATIONS: readonly (readonly [string, () => void])[] = [
  [
    'marks what is being cancelled as sent',
    () => jest.replaceProperty(STEPS, 'sent', { ...STEPS.sent, leaves: [...ON_THE_WAY, 'cancelling'] }),
  ],
  ['discards what could still have an effect', () => jest.replaceProperty(MAY, 'discard', MAY['discard-by-force'])],
  [
    'leaves what was sent to its consumer, whatever its deadline',
    () => jest.replaceProperty(JUDGEMENTS, 0, { ...JUDGEMENTS[0]!, of: ['pending'] }),
  ],
];

interface Opened {
  readonly fixture: StoreFixture;
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** A store is opened after the rules were changed: one in SQL renders them once. */
const STORES: readonly (readonly [string, () => Promise<Opened>])[] = [
  ['memory', async () => ({ fixture: inMemory(), empty: async () => undefined, stop: async () => undefined })],
  [
    'PostgreSQL',
    async () => {
      const fixture = await PostgresFixture.start();
      return { fixture, empty: () => fixture.empty(), stop: () => fixture.stop() };
    },
  ],
  [
    'MariaDB',
    async () => {
      const fixture = await MariaDbFixture.start();
      return { fixture, empty: () => fixture.empty(), stop: () => fixture.stop() };
    },
  ],
];

function inMemory(): StoreFixture {
  const database = new MemoryDatabase(new SystemClock(), Date.now());
  const client = database.connect();
  const store = new MemoryStore(client);
  const transactions = new MemoryTransactions(client);
  return { outbox: store, inbox: store.inbox, transactions, advance: async (ms) => database.moveNow(ms) };
}

/** The first sentence that is not true any more. */
async function broken({ fixture, empty }: Opened): Promise<string | undefined> {
  for (const { name, run } of outboxStoreContract()) {
    await empty();
    const kept = await run(fixture).then(
      () => true,
      () => false,
    );
    if (!kept) return name;
  }
  return undefined;
}

/** The rules are written once: whoever changes one changes every store, and the contract notices in each. */
describe.each(STORES)('The contract of the store, in %s,', (_, open) => {
  afterEach(() => jest.restoreAllMocks());

  it.each(MUTATIONS)('notices a rule that %s', async (_title, mutate) => {
    mutate();
    const opened = await open();
    try {
      expect(await broken(opened)).toBeDefined();
    } finally {
      await opened.stop();
    }
  });
});
