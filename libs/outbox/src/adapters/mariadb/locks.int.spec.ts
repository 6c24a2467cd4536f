import { randomUUID } from 'node:crypto';
import { newMessage, SOURCE } from '../../testing/store-contract-scenario';
import { OtherSession } from './connection.fixture';
import { errnoOf, LOCK_WAIT_TIMEOUT } from './failure';
import { MariaDbFixture } from './mariadb.fixture';
import type { Question } from './question';
import { lockDue, lockKeys, lockMessage, readDue } from './sql/delivery';
import { lockOld } from './sql/inbox';
import { oldestDue, oldMessages } from './sql/operate';
import { heldByPause } from './sql/pause';
import { firstInLine, nextInLine, pruneTurns } from './sql/turn';

const CLAIM = {
  leaseMs: 30_000,
  except: [],
  maxFollowUpAttempts: 20,
  giveUpAfterMs: 1e9,
  source: SOURCE,
};

/** What InnoDB locks beside the rows that are asked for depends on index and isolation level. */
describe('Locks', () => {
  let fixture: MariaDbFixture;
  const sessions: OtherSession[] = [];

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());
  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.close();
  });

  async function session(isolation: 'read committed' | 'repeatable read' = 'read committed'): Promise<OtherSession> {
    const opened = await OtherSession.open(fixture.url, isolation);
    sessions.push(opened);
    return opened;
  }

  const add = (count: number): Promise<unknown> => {
    const messages = Array.from({ length: count }, () => newMessage());
    return fixture.transactions.run((tx) => fixture.outbox.add(tx, messages));
  };
  const due = (limit: number): Question => lockDue(fixture.tables, { source: SOURCE, limit });

  it('let a second claimer have three of six while the first holds three', async () => {
    await add(6);
    const other = await session();
    await other.run('start transaction');
    const theirs = (await other.ask(due(3))).map((row) => row.message_id);
    const { deliveries } = await fixture.outbox.claim({ ...CLAIM, limit: 10, leaseToken: randomUUID() });
    const ours = deliveries.map(({ messageId }) => messageId);
    expect([theirs.length, ours.length, new Set([...theirs, ...ours]).size]).toEqual([3, 3, 6]);
  });

  it('are not taken on rows of consumers that a claim leaves alone, however many are before the first that it takes', async () => {
    await add(6);
    const [wanted] = await fixture.transactions.run((tx) =>
      fixture.outbox.add(tx, [newMessage({ deliveries: [{ consumer: 'mail-service', followUp: 'none' }] })]),
    );
    const other = await session();
    await other.run('start transaction');
    const theirs = await other.ask(readDue(fixture.tables, { source: SOURCE, except: ['order-service'], limit: 10 }));
    expect(theirs).toEqual([{ message_id: wanted!.id, consumer: 'mail-service' }]);
    await other.ask(lockKeys(fixture.tables, [{ messageId: wanted!.id, consumer: 'mail-service' }], 'skip'));
    const { deliveries } = await fixture.outbox.claim({ ...CLAIM, limit: 10, leaseToken: randomUUID() });
    expect(deliveries.map(({ consumer }) => consumer)).toEqual(Array(6).fill('order-service'));
  });

  it('of an idle claim delay no insert', async () => {
    const idle = await session();
    await idle.run('start transaction');
    expect(await idle.ask(due(10))).toEqual([]);
    await expect(add(3)).resolves.toHaveLength(3);
  });

  it('of the same claim at REPEATABLE READ would: that is why the library does not run at it', async () => {
    const idle = await session('repeatable read');
    await idle.run('start transaction');
    expect(await idle.ask(due(10))).toEqual([]);
    const producer = fixture.dataSource.transaction('READ COMMITTED', async (tx) => {
      await tx.query('set session innodb_lock_wait_timeout = 1');
      await fixture.outbox.add(tx, [newMessage()]);
    });
    expect(errnoOf(await producer.catch((error: unknown) => error))).toBe(LOCK_WAIT_TIMEOUT);
  });

  it('that an add waits for too long leave nothing of it, also if its error is caught and the transaction commits', async () => {
    const idle = await session('repeatable read');
    await idle.run('start transaction');
    await idle.ask(due(10));
    const kept = newMessage();
    await fixture.dataSource.transaction('READ COMMITTED', async (tx) => {
      await tx.query('set session innodb_lock_wait_timeout = 1');
      const failure = await fixture.outbox.add(tx, [newMessage()]).catch((error: unknown) => error);
      expect(errnoOf(failure)).toBe(LOCK_WAIT_TIMEOUT);
      await idle.run('rollback');
      await fixture.outbox.add(tx, [kept]);
    });
    expect(await fixture.dataSource.query(`select id from ${fixture.tables.message}`)).toEqual([{ id: kept.id }]);
  });

  it('of a cancel at REPEATABLE READ delay no insert, though its message is the newest', async () => {
    const deliveries = ['mail-service', 'order-service'].map((consumer) => ({ consumer, followUp: 'none' as const }));
    const canceller = fixture.dataSource.createQueryRunner();
    try {
      const newest = newMessage({ id: `fe${randomUUID().slice(2)}`, deliveries });
      await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newest]));
      await canceller.startTransaction('REPEATABLE READ');
      const cancelled = await fixture.outbox.cancel(canceller.manager, newest.id, { reason: 'no' });
      expect(cancelled).toHaveLength(2);
      const newer = newMessage({ id: `ff${randomUUID().slice(2)}` });
      const producer = fixture.dataSource.transaction('READ COMMITTED', async (tx) => {
        await tx.query('set session innodb_lock_wait_timeout = 1');
        return fixture.outbox.add(tx, [newer]);
      });
      await expect(producer).resolves.toHaveLength(1);
    } finally {
      await canceller.rollbackTransaction();
      await canceller.release();
    }
  });

  it('are those of READ COMMITTED on the own connections, whatever the server has for a default', async () => {
    const admin = await session();
    const [variable] = await admin.run(
      "show global variables where variable_name in ('tx_isolation', 'transaction_isolation')",
    );
    const level = String(variable!.Value);
    await admin.run('set global transaction isolation level serializable');
    const store = fixture.store();
    try {
      const other = await session();
      await other.run('start transaction');
      await store.claim({ ...CLAIM, limit: 10, leaseToken: randomUUID() });
      await add(2);
      const claimed = await store.claim({ ...CLAIM, limit: 10, leaseToken: randomUUID() });
      expect(claimed.deliveries).toHaveLength(2);
    } finally {
      await admin.run(`set global transaction isolation level ${level.replace('-', ' ')}`);
      await store.end();
    }
  });

  it('are taken by an index, in its order, among thousands of rows: no other row is read, and nothing sorted', async () => {
    const { tables } = fixture;
    for (let part = 0; part < 10; part++) await add(300);
    await fixture.dataSource.query(`analyze table ${tables.delivery}, ${tables.message}`);
    const key = { messageId: randomUUID(), consumer: 'order-service' };
    const expected: [Question, string][] = [
      [due(100), 'outbox_delivery_due'],
      [readDue(tables, { source: SOURCE, except: ['mail-service'], limit: 100 }), 'outbox_delivery_due'],
      [lockKeys(tables, [key, { ...key, messageId: randomUUID() }], 'skip'), 'PRIMARY'],
      [lockMessage(tables, key.messageId, undefined), 'PRIMARY'],
      [oldestDue(tables, SOURCE), 'outbox_delivery_due'],
      [oldMessages(tables, SOURCE, 1000, 100), 'outbox_delivery_prunable'],
      [heldByPause(tables, SOURCE, {}, 100), 'outbox_delivery_due'],
      [firstInLine(tables, ['0'.repeat(64)]), 'outbox_delivery_turn'],
      [nextInLine(tables, ['0'.repeat(64)]), 'outbox_delivery_turn'],
      [pruneTurns(tables, SOURCE, 1000, 100), 'outbox_turn_drawn'],
      [lockOld(tables, 'order-service', 1000, 100), 'inbox_message_prunable'],
    ];
    const reader = await session();
    for (const [asked, index] of expected) {
      const plan = await reader.ask({ ...asked, text: `explain ${asked.text}` });
      const said = JSON.stringify(plan);
      expect(plan.map((step) => step.key)).toContain(index);
      expect(said).not.toMatch(/filesort|temporary/i);
      expect(plan.filter((step) => step.type === 'ALL' && !String(step.table).startsWith('<'))).toEqual([]);
    }
  });
});
