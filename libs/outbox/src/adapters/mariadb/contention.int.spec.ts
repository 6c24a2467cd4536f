import { contend, round } from '../../testing/contention.fixture';
import { MariaDbFixture } from './mariadb.fixture';
import type { MariaDbStore } from './mariadb-store';

/** A few seconds; `CONTENTION_ROUNDS=150` takes a minute. */
const ROUNDS = Number(process.env.CONTENTION_ROUNDS ?? 5);

describe('Two stores with the same rows', () => {
  let fixture: MariaDbFixture;
  let stores: MariaDbStore[];

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
    stores = [fixture.store(), fixture.store()];
  });
  afterAll(async () => {
    for (const store of stores) await store.end();
    await fixture.stop();
  });

  async function deadlocks(): Promise<number> {
    const rows = (await fixture.dataSource.query("show global status like 'Innodb_deadlocks'")) as { Value: string }[];
    return Number(rows[0]?.Value ?? 0);
  }

  it(
    'claim, mark, close and cancel without a deadlock, and give nothing out twice',
    async () => {
      const before = await deadlocks();
      for (let each = 0; each < ROUNDS; each++)
        await round(fixture, (keys) => Promise.all(stores.map((store) => contend(store, keys))));
      expect(await deadlocks()).toBe(before);
    },
    30_000 + ROUNDS * 5_000,
  );
});
