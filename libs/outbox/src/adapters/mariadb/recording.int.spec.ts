import type { EntityManager } from 'typeorm';
import { TransactionEndedError } from '../../errors';
import { newMessage } from '../../testing/store-contract-scenario';
import { CONTENDED, deadlockWith } from '../../transactions/mysql/deadlock.fixture';
import { errnoOf } from './failure';
import { MariaDbFixture } from './mariadb.fixture';

describe('Recording a message in MariaDB', () => {
  let fixture: MariaDbFixture;

  beforeEach(async () => {
    fixture = await MariaDbFixture.start({ poolSize: 1 });
  });
  afterEach(() => fixture.stop());

  /** What this session has sent to the server so far. */
  async function questions(tx: EntityManager): Promise<number> {
    const [row] = (await tx.query("show session status like 'Questions'")) as { Value: string }[];
    return Number(row!.Value);
  }

  async function roundTrips(tx: EntityManager, messages: ReturnType<typeof newMessage>[]): Promise<number> {
    const before = await questions(tx);
    await fixture.outbox.add(tx, messages);
    return (await questions(tx)) - before - 1;
  }

  async function recorded(): Promise<number> {
    const [row] = (await fixture.dataSource.query(`select count(*) as count from ${fixture.tables.message}`)) as {
      count: string;
    }[];
    return Number(row!.count);
  }

  it('asks a session once whether its transaction is there; from then on the insert looks for itself', async () => {
    const taken: number[] = [];
    for (let time = 0; time < 3; time++)
      await fixture.transactions.run(async (tx) => taken.push(await roundTrips(tx, [newMessage()])));
    expect(taken).toEqual([4, 2, 2]);
  });

  it('asks each time before it records several, or one that has to wait for its turn', async () => {
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    await fixture.transactions.run(async (tx) => {
      expect(await roundTrips(tx, [newMessage(), newMessage()])).toBe(4);
      expect(await roundTrips(tx, [newMessage({ key: 'k', ordered: true })])).toBe(6);
    });
  });

  it('asks each time in a session without autocommit, where a statement opens a transaction by itself', async () => {
    await fixture.dataSource.query('set session autocommit = 0');
    for (let time = 0; time < 2; time++)
      await fixture.transactions.run(async (tx) => expect(await roundTrips(tx, [newMessage()])).toBe(4));
    expect(await recorded()).toBe(2);
  });

  it.each([
    ['was never asked', false],
    ['has recorded before', true],
  ])('records nothing in a transaction that a deadlock has ended, in a session that %s', async (_, before) => {
    for (const statement of CONTENDED) await fixture.dataSource.query(statement);
    if (before) await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    const work = fixture.transactions.run(async (tx) => {
      expect(errnoOf(await deadlockWith(tx, fixture.url))).toBe(1213);
      await fixture.outbox.add(tx, [newMessage()]);
    });
    await expect(work).rejects.toThrow(TransactionEndedError);
    expect(await recorded()).toBe(before ? 1 : 0);
  });

  it('refuses, rather than guess, in a session that has turned its autocommit off since', async () => {
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    await fixture.dataSource.query('set session autocommit = 0');
    const work = fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    await expect(work).rejects.toThrow(TransactionEndedError);
    await fixture.dataSource.query('set session autocommit = 1');
    expect(await recorded()).toBe(1);
  });

  it('keeps every character, also where a backslash escapes nothing: the values are no part of the text', async () => {
    const payload = JSON.stringify({
      text: `'; drop table account; -- \\' "\\" \u0000 茶 🍵`,
      rest: 'x'.repeat(2 ** 21),
    });
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    const message = newMessage({ payload });
    await fixture.transactions.run(async (tx) => {
      await tx.query("set session sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES')");
      await fixture.outbox.add(tx, [message]);
      await tx.query('set session sql_mode = default');
    });
    const rows = (await fixture.dataSource.query(`select payload from ${fixture.tables.message} where id = ?`, [
      message.id,
    ])) as { payload: string }[];
    expect(rows).toEqual([{ payload }]);
  });
});
