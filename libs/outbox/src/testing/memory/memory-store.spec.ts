import { inboxStoreContract, outboxStoreContract, type StoreFixture } from '../../testing/store-contract';
import { SystemClock } from '../../adapters/system/system-clock';
import { MemoryDatabase } from './memory-database';
import { MemoryStore } from './memory-store';
import { MemoryTransactions } from './memory-transactions';

/** In real time, because the contract waits for locks. */
function fixture(): StoreFixture {
  const database = new MemoryDatabase(new SystemClock(), Date.now());
  const client = database.connect();
  const store = new MemoryStore(client);
  return {
    outbox: store,
    inbox: store.inbox,
    transactions: new MemoryTransactions(client),
    advance: async (ms) => database.moveNow(ms),
  };
}

describe('MemoryStore as an outbox', () => {
  for (const { name, run } of outboxStoreContract()) it(name, () => run(fixture()));
});

describe('MemoryStore as an inbox', () => {
  for (const { name, run } of inboxStoreContract()) it(name, () => run(fixture()));
});
