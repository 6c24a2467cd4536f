import { InMemory } from '../testing/in-memory.fixture';
import { Pruner } from './pruner';

const DAY = 86_400_000;
const SETTINGS = { service: 'user-service', outboxMs: 14 * DAY, inboxMs: 15 * DAY, everyMs: 60_000 };
const NO = { verdict: 'rejected', reason: { code: 'NO' }, result: undefined, payloadHash: undefined } as const;

describe('pruning', () => {
  let at: InMemory;
  let pruner: Pruner;
  beforeEach(() => {
    at = new InMemory();
    pruner = new Pruner(SETTINGS, at.store, at.clock, at.monitor);
  });

  it('takes what is final and old enough, and never an open or a parked row', async () => {
    const [old, parked, open] = [await at.pending(), await at.pending(), await at.pending()];
    await at.store.closeMany([{ ...old, answer: NO }]);
    await at.store.park(parked, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
    at.database.moveNow(15 * DAY);
    const young = await at.pending();
    await at.store.closeMany([{ ...young, answer: NO }]);

    expect(await pruner.prune()).toEqual({ messages: 1, inboxRows: 0 });
    const left = await Promise.all([old, parked, open, young].map(async (key) => (await at.row(key))?.state));
    expect(left).toEqual([undefined, 'parked', 'pending', 'compensated']);
  });

  it('goes on from time to time, also after the database failed, and says so', async () => {
    pruner.start();
    at.failure = new Error('the database is away');
    await at.clock.advance(60_000);
    at.failure = undefined;
    await at.clock.advance(60_000);

    expect(at.events.map(({ event }) => event)).toEqual(['relay.failed', 'prune.done']);
    await pruner.stop();
    expect(at.clock.nextAt).toBeUndefined();
  });
});
