import { Cleanup, findMariaDb, until } from '@tallystick/services';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  Compensate,
  mariadb,
  mariaDbMigrations,
  MessageHandler,
  MessageRejected,
  Outbox,
  OutboxMessage,
  OutboxModule,
  Transactions,
} from '../../index';
import { memory } from '../../testing/memory/memory-transport';
import { CONTENDED, deadlockWith } from '../../transactions/mysql/deadlock.fixture';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  refuse!: boolean;
}
@OutboxMessage({ type: 'order.noted' })
class OrderNoted {}

/** Loses its first transaction against another one, catches that, and goes on as if nothing had happened. */
@Injectable()
class Careless {
  url = '';
  readonly caught: unknown[] = [];
  private tries = 0;

  constructor(
    private readonly outbox: Outbox,
    private readonly transactions: Transactions,
  ) {}

  @MessageHandler(OrderRequested)
  async handle({ refuse }: OrderRequested): Promise<void> {
    if (refuse) throw new MessageRejected('OUT_OF_STOCK');
    await this.work('handled');
  }

  @Compensate(OrderRequested)
  async refund(): Promise<void> {
    await this.work('refunded');
  }

  private async work(what: string): Promise<void> {
    const manager = this.transactions.manager();
    await manager.query('insert into done (what) values (?)', [what]);
    if (this.tries++ > 0) return;
    this.caught.push(await deadlockWith(manager, this.url));
    await manager.query('insert into done (what) values (?)', [`${what}, by itself`]).catch((e) => this.caught.push(e));
    await this.outbox.add(OrderNoted, {}).catch((error: unknown) => this.caught.push(error));
  }
}

describe('A deadlock that is caught', () => {
  it.each([
    ['a handler', false, 'handled', 'completed'],
    ['a compensation', true, 'refunded', 'compensated'],
  ])('in %s undoes it, and it is done once in the end', async (_, refuse, what, state) => {
    const cleanup = new Cleanup();
    try {
      const server = cleanup.stopLater(await findMariaDb({ install: true }));
      const url = await server.createDatabase();
      cleanup.defer(() => server.dropDatabase(url));
      const testing = await Test.createTestingModule({
        imports: [
          TypeOrmModule.forRoot({ type: 'mariadb', url, migrations: mariaDbMigrations(), migrationsRun: true }),
          OutboxModule.forRoot({
            service: 'shop',
            transport: memory(),
            store: mariadb(),
            backoff: { first: 20, max: 50 },
            receiptWait: { first: 200, max: 400 },
            pollInterval: 20,
          }),
        ],
        providers: [Careless],
      }).compile();
      testing.useLogger(false);
      const app = await testing.init();
      cleanup.defer(() => app.close());
      const dataSource = app.get(DataSource);
      for (const statement of [...CONTENDED, 'create table done (what varchar(40)) engine = InnoDB'])
        await dataSource.query(statement);
      const careless = app.get(Careless);
      careless.url = url;

      const { id } = await app.get(Transactions).run(() => app.get(Outbox).add(OrderRequested, { refuse }));
      const stateOf = async (): Promise<unknown> => (await app.get(Outbox).status(id))?.deliveries[0]?.state;
      await until('it has come to its end', async () => (await stateOf()) === state);

      expect(careless.caught).toMatchObject([
        { driverError: { errno: 1213 } },
        { name: 'SilentRollbackError' },
        { name: 'SilentRollbackError' },
      ]);
      expect(await dataSource.query('select what from done')).toEqual([{ what }]);
      expect(await dataSource.query('select type from outbox_message')).toEqual([{ type: 'order.requested' }]);
    } finally {
      await cleanup.run();
    }
  });
});
