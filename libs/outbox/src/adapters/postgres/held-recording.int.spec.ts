import { connectTestPostgres, testDatabase, testDatabasesArePooled, until } from '@tallystick/services';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Pool, PoolClient } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import {
  MessageAlreadyRecordedError,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxClient,
  OutboxMessage,
  OutboxModule,
  OutboxMonitor,
  postgres,
  SilentRollbackError,
  Transactions,
} from '../../index';
import { retryingConflicts } from '../../concurrency/conflict';
import { memory } from '../../testing/memory/memory-transport';
import { postgresFaults } from '../../transactions';

@OutboxMessage({ type: 'order.requested', to: 'somebody-else' })
class OrderRequested {}
/** The database refuses it. */
@OutboxMessage({ type: 'order.refused', to: 'somebody-else' })
class OrderRefused {}

const poolOf = ({ driver }: DataSource): Pool => (driver as unknown as { master: Pool }).master;

/** Behind a pooler that loses names, both: with names they are given up when the first is lost. */
describe.each([{ namedStatements: true }, { namedStatements: false }])(
  'Recording over an OutboxClient, %j',
  (options) => {
    let url: string;
    let application: TestingModule;
    let dataSource: DataSource;
    let transactions: Transactions;
    let outbox: Outbox;

    beforeAll(async () => {
      url = await testDatabase('held');
      application = await Test.createTestingModule({
        imports: [
          TypeOrmModule.forRoot({
            type: 'postgres',
            url,
            migrations: [...OUTBOX_MIGRATIONS],
            migrationsRun: true,
            connectTimeoutMS: 5_000,
            retryAttempts: 0,
            poolSize: 2,
            extra: { Client: OutboxClient },
          }),
          OutboxModule.forRoot({ service: 'shop', transport: memory(), store: postgres(options), pollInterval: 20 }),
        ],
      }).compile();
      application.useLogger(false);
      await application.init();
      dataSource = application.get(DataSource);
      transactions = application.get(Transactions);
      outbox = application.get(Outbox);
      await dataSource.query('create table business (id int primary key)');
      await dataSource.query(`
      create function refuse() returns trigger language plpgsql as $$
      begin
        raise exception 'refused' using errcode = '23505', constraint = 'outbox_message_pkey';
      end $$`);
      await dataSource.query(
        `create trigger refuse before insert on outbox_message for each row when (new.type = 'order.refused') execute function refuse()`,
      );
      if (!usesNames) await until('the first name is lost, and given up', loseNames);
    });
    afterAll(async () => {
      await application.close();
      await connectTestPostgres().dropDatabase(url);
    });
    // The relay's statements take their locks in another order.
    beforeEach(() =>
      retryingConflicts(postgresFaults, () => dataSource.query('truncate business, outbox_message, outbox_delivery')),
    );
    afterEach(() => jest.restoreAllMocks());

    const usesNames = options.namedStatements && !testDatabasesArePooled();
    const namesAreOff = (): boolean =>
      (poolOf(dataSource).options as { namedStatements?: boolean }).namedStatements === false;
    /** In the middle of a transaction that fails it, once. */
    async function loseNames(): Promise<boolean> {
      await transactions.run(() => outbox.add(OrderRequested, {})).catch(() => {});
      return namesAreOff();
    }

    const business = (manager: EntityManager, id: number): Promise<unknown> =>
      manager.query('insert into business values ($1)', [id]);
    const saved = async (): Promise<unknown> => {
      const [row] = (await dataSource.query(
        'select (select count(*)::int from business) as business, (select count(*)::int from outbox_message) as messages',
      )) as unknown[];
      return row;
    };
    const failure = (work: Promise<unknown>): Promise<unknown> =>
      work.then(() => undefined).catch((error: unknown) => error);

    const own = <T>(work: (manager: EntityManager) => Promise<T>): Promise<T> => transactions.run(work);
    const plain = <T>(work: (manager: EntityManager) => Promise<T>): Promise<T> => dataSource.transaction(work);
    const byHand = async <T>(work: (manager: EntityManager) => Promise<T>): Promise<T> => {
      const runner = dataSource.createQueryRunner();
      try {
        await runner.startTransaction();
        const result = await work(runner.manager);
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    };

    describe.each([
      ['transactions.run', own],
      ['dataSource.transaction', plain],
      ['a query runner', byHand],
    ])('in %s', (_, open) => {
      it('is in the transaction, wherever it was asked for, with all or nothing', async () => {
        await open(async (manager) => {
          await outbox.add(OrderRequested, {}, { manager });
          await business(manager, 1);
          await outbox.addAll(OrderRequested, [{}, {}], { manager });
        });
        expect(await saved()).toEqual({ business: 1, messages: 3 });
        const refused = new Error('refused by the business');
        const work = open(async (manager) => {
          await business(manager, 2);
          await outbox.add(OrderRequested, {}, { manager });
          throw refused;
        });
        expect(await failure(work)).toBe(refused);
        expect(await saved()).toEqual({ business: 1, messages: 3 });
      });

      it('can be asked for at once by several', async () => {
        await open(async (manager) => {
          await Promise.all([1, 2, 3].map(() => outbox.add(OrderRequested, {}, { manager })));
          await Promise.all([business(manager, 1), outbox.add(OrderRequested, {}, { manager })]);
        });
        expect(await saved()).toEqual({ business: 1, messages: 4 });
      });

      it('that the database refuses fails COMMIT with its own reason', async () => {
        const work = open(async (manager) => {
          await business(manager, 1);
          await outbox.add(OrderRefused, {}, { manager });
        });
        expect(await failure(work)).toBeInstanceOf(MessageAlreadyRecordedError);
        expect(await saved()).toEqual({ business: 0, messages: 0 });
      });

      it('that the database refuses fails the statement behind it with its own reason', async () => {
        let behind: unknown;
        const work = open(async (manager) => {
          await outbox.add(OrderRefused, {}, { manager });
          behind = await failure(business(manager, 1));
          throw behind;
        });
        expect(await failure(work)).toBe(behind);
        expect(behind).toBeInstanceOf(MessageAlreadyRecordedError);
        expect(await saved()).toEqual({ business: 0, messages: 0 });
      });

      it('that the database refuses is no reason for what fails after a savepoint', async () => {
        const work = open(async (manager) => {
          await business(manager, 1);
          const inside = manager.transaction(async (savepoint) => {
            await outbox.add(OrderRefused, {}, { manager: savepoint });
          });
          expect(await failure(inside)).toBeInstanceOf(MessageAlreadyRecordedError);
          await outbox.add(OrderRequested, {}, { manager });
          await business(manager, 1);
        });
        expect(await failure(work)).toMatchObject({ code: '23505', constraint: 'business_pkey' });
      });

      it('in a savepoint that is rolled back is undone, and only that', async () => {
        await open(async (manager) => {
          await outbox.add(OrderRequested, {}, { manager });
          await failure(
            manager.transaction(async (savepoint) => {
              await outbox.add(OrderRequested, {}, { manager: savepoint });
              throw new Error('only this part');
            }),
          );
          await business(manager, 1);
        });
        expect(await saved()).toEqual({ business: 1, messages: 1 });
      });

      it('with an id of the caller is answered at once: it may exist', async () => {
        const id = '018f0000-0000-7000-8000-000000000001';
        await open((manager) => outbox.add(OrderRequested, {}, { manager, id }));
        let told: unknown;
        const work = open(async (manager) => {
          told = await failure(outbox.add(OrderRequested, {}, { manager, id }));
          throw told;
        });
        expect(await failure(work)).toBe(told);
        expect(told).toBeInstanceOf(MessageAlreadyRecordedError);
      });
    });

    it('fails a transaction whose error was caught and ignored', async () => {
      const work = plain(async (manager) => {
        await outbox.add(OrderRefused, {}, { manager });
        await failure(business(manager, 1));
      });
      expect(await failure(work)).toBeInstanceOf(SilentRollbackError);
      expect(await saved()).toEqual({ business: 0, messages: 0 });
    });

    it('hands off when COMMIT was answered, and not before', async () => {
      const events: string[] = [];
      jest.spyOn(application.get(OutboxMonitor), 'record').mockImplementation(({ event }) => void events.push(event));
      await transactions.run(async (manager) => {
        await business(manager, 1);
        await outbox.add(OrderRequested, {});
        transactions.afterCommit(() => void events.push('committed'));
      });
      // The relay goes on writing down what became of earlier messages.
      const own = events.filter((event) => event !== 'relay.batch');
      expect(own.slice(0, 2)).toEqual(['message.added', 'committed']);
      const [row] = (await dataSource.query('select attempts from outbox_delivery')) as unknown[];
      expect(row).toEqual({ attempts: 1 });
    });

    it('costs no round trip of its own, and BEGIN costs none', async () => {
      const client = (await poolOf(dataSource).connect()) as PoolClient & {
        connection: { stream: { write(): boolean } };
      };
      client.release();
      const writes = jest.spyOn(client.connection.stream, 'write');
      await transactions.run(async (manager) => {
        await business(manager, 1);
        await business(manager, 2);
        await outbox.add(OrderRequested, {});
        await outbox.add(OrderRequested, {});
      });
      expect(writes).toHaveBeenCalledTimes(3);
      expect(await saved()).toEqual({ business: 2, messages: 2 });
    });

    it('uses names, unless they are switched off or lost', async () => {
      expect(namesAreOff()).toBe(!usesNames);
    });
  },
);
