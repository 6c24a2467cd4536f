import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DeliveryKey } from '../../message/delivery';
import { CODES } from '../../message/rules';
import { ACCEPTED, CONSUMER, newMessage, SOURCE } from '../../testing/store-contract-scenario';
import { Database } from './database';
import { MariaDbFixture } from './mariadb.fixture';
import { endPool, poolFrom } from './pool';
import type { Ask } from './question';
import { nextTurn, release } from './sending';

const CLAIM = { limit: 10, leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source: SOURCE };
const ORDERED = { ordered: true, waitsItsTurn: true } as const;

/** Who is to be locked is looked up without a lock, and what is locked may have changed since. */
describe('Between a look and its lock', () => {
  let fixture: MariaDbFixture;
  let database: Database;

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
    database = new Database(poolFrom(fixture.dataSource, { max: 1 }));
  });
  afterAll(async () => {
    await endPool(database.pool);
    await fixture.stop();
  });
  beforeEach(() => fixture.empty());

  async function add(more: Parameters<typeof newMessage>[0] = {}): Promise<DeliveryKey> {
    const message = newMessage(more);
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [message]));
    return { messageId: message.id, consumer: CONSUMER };
  }

  /** The answers as they are, and after the first to this question something happens. */
  function after(name: string, happens: () => Promise<unknown>, ask: Ask): Ask {
    let waiting = true;
    return async (asked) => {
      const answer = await ask(asked);
      if (waiting && asked.name === name) {
        waiting = false;
        await happens();
      }
      return answer;
    };
  }

  it('a delivery that a pause held may be closed: it stays so, and the others are let go', async () => {
    await fixture.outbox.pause(SOURCE, {}, { by: 'ada', reason: 'too fast' });
    const [closed, other] = [await add(), await add()];
    expect(await fixture.outbox.claim({ ...CLAIM, leaseToken: randomUUID() })).toMatchObject({ held: 2 });
    await fixture.outbox.closeMany([{ ...closed, answer: ACCEPTED }]);
    expect(await database.together((ask) => release(fixture.tables, ask, [closed, other]))).toBe(1);
    expect(await fixture.outbox.find(closed.messageId)).toMatchObject([{ state: 'completed', nextAt: undefined }]);
  });

  it('a delivery whose turn it is may be closed: nobody takes it', async () => {
    const key = await add(ORDERED);
    const close = (): Promise<unknown> => fixture.outbox.closeMany([{ ...key, answer: ACCEPTED }]);
    const next = await database.together((ask) =>
      nextTurn(fixture.tables, after('outbox.next-in-line', close, ask), [key], undefined),
    );
    expect(next).toMatchObject({ due: 0, taken: [] });
    expect(await fixture.outbox.find(key.messageId)).toMatchObject([{ state: 'completed', code: CODES.waitsItsTurn }]);
  });

  it('a smaller number may appear, which the look has missed: it is the turn of that one', async () => {
    const [seen, missed] = [await add(ORDERED), await add(ORDERED)];
    const appear = (): Promise<unknown> =>
      fixture.dataSource.query(`update ${fixture.tables.delivery} set order_no = 0 where message_id = ?`, [
        missed.messageId,
      ]);
    const turns = (ask: Ask): ReturnType<typeof nextTurn> => nextTurn(fixture.tables, ask, [seen], undefined);
    const blind = await database.together((ask) => turns(after('outbox.next-in-line', appear, ask)));
    expect(blind).toEqual({ due: 0, taken: [], held: [seen] }); // to be looked at again
    expect(await database.together(turns)).toEqual({ due: 1, taken: [], held: [] });
    expect(await fixture.outbox.find(missed.messageId)).toMatchObject([{ code: undefined }]);
  });
});

describe('A delivery whose message is missing', () => {
  let fixture: MariaDbFixture;
  const said: unknown[] = [];

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
    const note = (message: unknown): void => void said.push(message);
    Logger.overrideLogger({ log: note, warn: note, error: note });
  });
  afterAll(async () => {
    Logger.overrideLogger(false);
    await fixture.stop();
  });

  it('is passed over, and told of once: the others are sent, and their receipts close them', async () => {
    const { tables, outbox } = fixture;
    const [orphan, other] = [newMessage(), newMessage()];
    await fixture.transactions.run((tx) => outbox.add(tx, [orphan, other]));
    await fixture.dataSource.query(`delete from ${tables.message} where id = ?`, [orphan.id]);
    const claim = async (): Promise<string[]> =>
      (await outbox.claim({ ...CLAIM, leaseToken: randomUUID() })).deliveries.map(({ messageId }) => messageId);
    expect([await claim(), await claim()]).toEqual([[other.id], []]);
    expect(said).toEqual([expect.stringContaining(`${orphan.id} → ${CONSUMER}`)]);
    const answers = [orphan, other].map(({ id }) => ({ messageId: id, consumer: CONSUMER, answer: ACCEPTED }));
    expect(await outbox.closeMany(answers)).toMatchObject([{ messageId: other.id }]);
  });
});
