import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { connectTestPostgres, testBroker, testDatabase, testDatabasesArePooled, until } from '@tallystick/services';
import { connect } from 'amqplib';
import { IsString } from 'class-validator';
import { DataSource } from 'typeorm';
import {
  Compensate,
  type DeliveryHistoryEntry,
  type DeliveryState,
  MessageHandler,
  MessageRejected,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  OutboxOperations,
  postgres,
  rabbitMq,
  Transactions,
} from './index';

@OutboxMessage({ type: 'user.registered' })
class UserRegistered {
  @IsString() name!: string;
}

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku!: string;
}

/** A service whose own fault it is. */
@Injectable()
class Shop {
  static stock: () => void = () => {};
  static bank: () => void = () => {};

  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  announce(): Promise<{ id: string }> {
    return this.transactions.run(() => this.outbox.add(UserRegistered, { name: 'Ada' }));
  }
  order(): Promise<{ id: string }> {
    return this.transactions.run(() => this.outbox.add(OrderRequested, { sku: 'stick' }));
  }

  @MessageHandler(OrderRequested)
  async handle(): Promise<void> {
    Shop.stock();
  }
  @Compensate(OrderRequested)
  async refund(): Promise<void> {
    Shop.bank();
  }
}

describe('What became of a message in trouble', () => {
  let url: string;
  let broker: string;
  let application: TestingModule;
  let shop: Shop;
  let operations: OutboxOperations;

  beforeEach(async () => {
    Object.assign(Shop, { stock: () => {}, bank: () => {} });
    url = await testDatabase('history');
    broker = await testBroker('history');
    const owner = await new DataSource({ type: 'postgres', url, migrations: OUTBOX_MIGRATIONS }).initialize();
    await owner.runMigrations();
    await owner.destroy();
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, connectTimeoutMS: 30_000, retryAttempts: 0 }),
        OutboxModule.forRoot({
          service: 'shop',
          transport: rabbitMq({ url: broker }),
          backoff: { first: 50, max: 200 },
          giveUpAfter: '2s',
          maxFollowUpAttempts: 3,
          pollInterval: 50,
          store: postgres({ namedStatements: !testDatabasesArePooled() }),
        }),
      ],
      providers: [Shop],
    }).compile();
    testing.useLogger(false);
    application = await testing.init();
    shop = application.get(Shop);
    operations = application.get(OutboxOperations);
  }, 60_000);
  afterEach(async () => {
    await application.close();
    await connectTestPostgres().dropDatabase(url);
  });

  /** @returns its history, once the filter finds exactly this message */
  async function foundBy(filter: string, id: string): Promise<DeliveryHistoryEntry[]> {
    await until(`${filter} finds it`, async () => (await operations.find(filter)).length > 0, { timeoutMs: 60_000 });
    expect((await operations.find(filter)).map(({ messageId }) => messageId)).toEqual([id]);
    return operations.history(id);
  }
  const ends = (id: string, in_: DeliveryState): Promise<unknown> =>
    until(`it is ${in_}`, async () => (await operations.find({ id }))[0]!.state === in_, { timeoutMs: 60_000 });
  const told = (entries: readonly DeliveryHistoryEntry[]): unknown[] =>
    entries.map(({ what, code, by }) => [what, ...[code, by].filter((said) => said !== undefined)]);

  it('is told from its history: nobody listened, somebody retried it, and now somebody does', async () => {
    const { id } = await shop.announce();
    const parked = await foundBy('state:parked code:NOBODY_LISTENS type:user.*', id);
    expect(told(parked)).toEqual([
      ['send-failed', 'NOBODY_LISTENS'],
      ['parked', 'NOBODY_LISTENS'],
    ]);
    const [failed, gaveUp] = parked;
    expect(failed!.times).toBeGreaterThan(1);
    expect(failed!.why).toMatch(/^NOBODY_LISTENS: no queue is bound/);
    expect([failed!.since < failed!.at, failed!.at < gaveUp!.at]).toEqual([true, true]);

    const connection = await connect(broker);
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, 'outbox.announcements', 'user.registered');
    await operations.retry(id, { by: 'ada', reason: 'there is a listener now' });
    await ends(id, 'delivered');
    await connection.close();
    expect(told(await operations.history(id)).slice(2)).toEqual([['retried', 'ada']]);
  }, 120_000);

  it('is told from its history: a handler that kept failing, until nobody wanted it any more', async () => {
    Shop.stock = () => {
      throw new Error('the stock is locked');
    };
    const { id } = await shop.order();
    const parked = await foundBy('state:parked code:GAVE_UP to:shop error:"the stock is locked"', id);
    expect(told(parked)).toEqual([
      ['deferred', 'FAILED'],
      ['parked', 'GAVE_UP'],
    ]);
    expect(parked[0]!.times).toBeGreaterThan(1);
    expect(parked[0]!.why).toContain('the stock is locked');

    await operations.cancel(id, { by: 'grace', reason: 'not wanted any more' });
    await ends(id, 'compensated');
    const [cancelled, ...others] = (await operations.history(id)).slice(2);
    expect(others).toEqual([]);
    expect(cancelled).toMatchObject({ what: 'cancel-requested', by: 'grace', why: 'not wanted any more' });
  }, 120_000);

  it('is told from its history: a compensation that failed as often as it may', async () => {
    Shop.stock = () => {
      throw new MessageRejected('OUT_OF_STOCK');
    };
    Shop.bank = () => {
      throw new Error('the bank is closed');
    };
    const { id } = await shop.order();
    const parked = await foundBy('state:parked code:FOLLOW_UP_FAILED reason:OUT_OF_STOCK', id);
    expect(told(parked)).toEqual([
      ['follow-up-failed', 'FOLLOW_UP_FAILED'],
      ['parked', 'FOLLOW_UP_FAILED'],
    ]);
    // With the receipt, and three times after it.
    expect(parked[0]).toMatchObject({ times: 4, attempt: 3, why: expect.stringContaining('the bank is closed') });
    Shop.bank = () => {};
    await operations.retry(id, { by: 'ada' });
    await ends(id, 'compensated');
    expect(told(await operations.history(id)).slice(2)).toEqual([['retried', 'ada']]);
  }, 120_000);

  it('is one retry of all that failed alike, which completes them and nothing else, and the audit says who asked', async () => {
    Shop.stock = () => {
      throw new Error('the stock is locked');
    };
    const failing = [await shop.order(), await shop.order(), await shop.order()].map(({ id }) => id).sort();
    const unheard = await shop.announce();
    const alike = 'state:parked error:"the stock is locked"';
    const parked = async (filter: string, count: number): Promise<unknown> =>
      until(`${filter} finds ${count}`, async () => (await operations.count(filter)) === count, { timeoutMs: 60_000 });
    await parked(alike, 3);
    await parked('state:parked code:NOBODY_LISTENS', 1);

    Shop.stock = () => {};
    const job = await operations.bulk('retry', alike, { by: 'ada', reason: 'the stock is open again' });
    expect(job).toMatchObject({ state: 'done', matching: 3, changed: 3, refused: 0 });
    for (const id of failing) await ends(id, 'completed');
    for (const id of failing) expect(told(await operations.history(id)).slice(2)).toEqual([['retried', 'ada']]);
    expect(await operations.find(unheard)).toMatchObject([{ state: 'parked', code: 'NOBODY_LISTENS' }]);
    const [whole, ...each] = await operations.audit();
    expect(whole).toMatchObject({
      actor: 'ada',
      verb: 'retry',
      target: alike,
      changed: 3,
      reason: 'the stock is open again',
    });
    expect(each.map(({ target }) => target.slice(3, 39)).sort()).toEqual(failing);
  }, 120_000);

  it('is nothing, of a message that was in none', async () => {
    const { id } = await shop.order();
    await ends(id, 'completed');
    expect(await operations.history(id)).toEqual([]);
  }, 60_000);
});
