import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { FilterTooBroadError } from '../../errors';
import { OutboxOperations } from '../../operations/operations';
import { SOURCE } from '../../testing/store-contract-scenario';
import { PostgresFixture } from './postgres.fixture';

describe('A search', () => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  afterAll(() => fixture.stop());

  it('is given up by PostgreSQL itself when it takes too long, and the connection is as good as before', async () => {
    const nothing = { reserve: () => undefined, wake: () => {} };
    const operations = new OutboxOperations(
      SOURCE,
      fixture.outbox,
      nothing,
      () => Promise.resolve(),
      new SystemClock(),
      new SystemRandom(),
    );
    await fixture.owner.transaction(async (tx) => {
      await tx.query('lock table outbox_delivery in access exclusive mode');
      await expect(operations.find('type:order.*')).rejects.toThrow(FilterTooBroadError);
      await expect(operations.count()).rejects.toThrow(/too broad.*Add state:parked/);
    });
    expect(await operations.count()).toBe(0);
  });
});
