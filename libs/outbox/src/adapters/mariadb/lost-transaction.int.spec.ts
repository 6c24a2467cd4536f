import type { EntityManager } from 'typeorm';
import { TransactionEndedError, TransactionRequiredError } from '../../errors';
import { ACCEPTED, CONSUMER, newMessage, REJECTED, SOURCE } from '../../testing/store-contract-scenario';
import { OtherSession } from './connection.fixture';
import { errnoOf } from './failure';
import { MariaDbFixture } from './mariadb.fixture';

const LIMITS = { horizonMs: 86_400_000, lockTimeoutMs: 5_000 };
const DEADLOCK = 1213;
/** Rows that the other one writes: more than this one, messages and deliveries included. */
const OTHERS = 100;

/**
 * A deadlock ends a transaction in the server. Somebody who catches the error goes on in none: what he writes is committed at
 * once, and the "rollback" in the end takes back nothing.
 */
describe('A transaction that the server has ended', () => {
  let fixture: MariaDbFixture;

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
    await fixture.dataSource.query('create table account (id int primary key, cents int not null) engine = InnoDB');
  });
  afterAll(() => fixture.stop());
  beforeEach(async () => {
    await fixture.empty();
    const rows = Array.from({ length: OTHERS }, (_, index) => `(${index + 1}, 100)`);
    await fixture.dataSource.query(`replace into account values ${rows.join(', ')}`);
  });

  /** The other one has written more, so InnoDB gives up this one. Its error is caught, as by a careless hand. */
  async function loseAgainstAnother(tx: EntityManager): Promise<void> {
    const other = await OtherSession.open(fixture.url, 'read committed');
    try {
      await other.run('start transaction');
      await other.run('update account set cents = cents + 1 where id <> 2');
      await tx.query('update account set cents = cents - 1 where id = 2');
      const theirs = other.run('update account set cents = cents + 1 where id = 2');
      const failure = await tx
        .query('update account set cents = cents - 1 where id = 1')
        .catch((error: unknown) => error);
      await theirs;
      await other.run('rollback');
      expect(errnoOf(failure)).toBe(DEADLOCK);
    } finally {
      await other.close();
    }
  }

  async function messagesLeft(): Promise<number> {
    const [row] = (await fixture.dataSource.query(`select count(*) as count from ${fixture.tables.message}`)) as {
      count: string;
    }[];
    return Number(row!.count);
  }

  it('records nothing more: add throws, and nothing is left', async () => {
    const work = fixture.transactions.run(async (tx) => {
      await fixture.outbox.add(tx, [newMessage()]);
      await loseAgainstAnother(tx);
      await fixture.outbox.add(tx, [newMessage()]);
    });
    await expect(work).rejects.toThrow(TransactionEndedError);
    expect(await messagesLeft()).toBe(0);
  });

  it('neither in a handler: nothing is recorded, no result is kept, and the copy is new when it comes again', async () => {
    const message = {
      ...{ messageId: newMessage().id, consumer: CONSUMER, source: SOURCE, payloadHash: undefined },
      ...{ recordedAt: new Date().toISOString(), deadlineAt: undefined },
    };
    for (const last of [
      (tx: EntityManager) => fixture.outbox.add(tx, [newMessage()]),
      (tx: EntityManager) => fixture.inbox.keepResults(tx, [{ key: message, result: 'done' }]),
    ]) {
      const work = fixture.transactions.run(async (tx) => {
        expect((await fixture.inbox.begin(tx, message, LIMITS)).kind).toBe('first');
        await loseAgainstAnother(tx);
        await last(tx);
      });
      await expect(work).rejects.toThrow(TransactionEndedError);
    }
    expect(await messagesLeft()).toBe(0);
    expect(await fixture.inbox.look(message, LIMITS)).toEqual({ kind: 'new' });
  });

  it('nor in a compensation: nothing is recorded, and the row waits for its verdict as before', async () => {
    const message = newMessage();
    const key = { messageId: message.id, consumer: CONSUMER };
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [message]));
    for (const answer of [REJECTED, ACCEPTED]) {
      const work = fixture.transactions.run(async (tx) => {
        expect(await fixture.outbox.close(tx, key, answer)).toBeDefined();
        await loseAgainstAnother(tx);
        await fixture.outbox.add(tx, [newMessage()]);
      });
      await expect(work).rejects.toThrow(TransactionEndedError);
    }
    expect(await messagesLeft()).toBe(1);
    expect(await fixture.outbox.find(message.id)).toMatchObject([{ state: 'pending', verdict: undefined }]);
  });

  it('nor is a cancel written that would survive the rollback', async () => {
    const message = newMessage({ delayMs: 60_000 });
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [message]));
    const work = fixture.transactions.run(async (tx) => {
      await loseAgainstAnother(tx);
      await fixture.outbox.cancel(tx, message.id, { reason: 'changed my mind' });
    });
    await expect(work).rejects.toThrow(TransactionEndedError);
    expect(await fixture.outbox.find(message.id)).toMatchObject([{ state: 'pending' }]);
  });

  it('may have been ended by a statement that commits by itself', async () => {
    const work = fixture.transactions.run(async (tx) => {
      await tx.query('create table if not exists note (id int)');
      await fixture.outbox.add(tx, [newMessage()]);
    });
    await expect(work).rejects.toThrow(TransactionEndedError);
    expect(await messagesLeft()).toBe(0);
  });

  it('is another one than none at all', async () => {
    const added = fixture.outbox.add(fixture.dataSource.manager, [newMessage()]);
    await expect(added).rejects.toThrow(TransactionRequiredError);
  });

  it('is not written to in a session in which the values of several messages cannot be written safely', async () => {
    const work = fixture.transactions.run(async (tx) => {
      await tx.query("set session sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES')");
      try {
        await fixture.outbox.add(tx, [newMessage(), newMessage()]);
      } finally {
        await tx.query('set session sql_mode = default');
      }
    });
    await expect(work).rejects.toThrow(/NO_BACKSLASH_ESCAPES/);
    expect(await messagesLeft()).toBe(0);
  });
});
