import 'reflect-metadata';
import { ConsoleLogger, Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  MessageHandler,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  rabbitMq,
  Transactions,
} from '@tallystick/outbox';
import { connect } from 'amqplib';
import { IsInt } from 'class-validator';
import { DataSource, type EntityManager } from 'typeorm';
import { barrierSql, TypeOrmBarrier } from './barriers/typeorm-barrier';
import { TransactionChecker } from './checker.decorator';
import type { CheckAnswer } from './decision';
import type { HalfMessage } from './half-message';
import { HalfMessageModule } from './half-message.module';
import { HalfMessages } from './half-messages';

@OutboxMessage({ type: 'seat.sold', to: 'box-office' })
export class SeatSold {
  @IsInt() seat!: number;
}

/** How a seat is sold, and asked about. Tests replace them. */
export interface Ways {
  check(half: HalfMessage): Promise<CheckAnswer>;
  onParked(parked: { id: string; code: string }): void;
}

/** What a seat is sold in: a database that knows nothing of the outbox. */
export class BoxOffice {
  readonly barrier: TypeOrmBarrier;
  readonly ways: Ways;

  private constructor(readonly legacy: DataSource) {
    this.barrier = new TypeOrmBarrier(legacy, { lockTimeoutMs: 50 });
    this.ways = { check: (half) => this.barrier.check(half), onParked: () => {} };
  }

  static async open(url: string): Promise<BoxOffice> {
    const office = new BoxOffice(await new DataSource({ type: 'postgres', url }).initialize());
    await office.legacy.query(barrierSql());
    await office.legacy.query('create table if not exists seat (number int primary key)');
    return office;
  }

  /** @param then in the transaction, before it commits */
  sell(seat: number, half: HalfMessage, then: (manager: EntityManager) => Promise<unknown> = noMore): Promise<void> {
    return this.legacy.transaction(async (manager) => {
      await this.barrier.commit(manager, half);
      await manager.query('insert into seat values ($1)', [seat]);
      await then(manager);
    });
  }

  async sold(): Promise<number[]> {
    const rows = await this.legacy.query<{ number: number }[]>('select number from seat order by number');
    return rows.map(({ number }) => number);
  }
}

const noMore = (): Promise<void> => Promise.resolve();

/** Prints a ticket for every seat that was sold, as often as it is told. */
@Injectable()
export class Printer {
  readonly printed: number[] = [];

  constructor(private readonly office: BoxOffice) {}

  @MessageHandler(SeatSold)
  async print({ seat }: SeatSold): Promise<void> {
    this.printed.push(seat);
    return Promise.resolve();
  }

  @TransactionChecker(SeatSold)
  check(half: HalfMessage): Promise<CheckAnswer> {
    return this.office.ways.check(half);
  }
}

/** One process of the service, with its outbox in a database of its own. */
export class Service {
  private constructor(
    private readonly app: TestingModule,
    private readonly amqpUrl: string,
    readonly halfMessages: HalfMessages,
    readonly printer: Printer,
    readonly transactions: Transactions,
  ) {}

  static async start(
    office: BoxOffice,
    { databaseUrl, amqpUrl }: { databaseUrl: string; amqpUrl: string },
  ): Promise<Service> {
    const app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: databaseUrl,
          migrations: OUTBOX_MIGRATIONS,
          migrationsRun: true,
        }),
        OutboxModule.forRoot({ service: 'box-office', transport: rabbitMq({ url: amqpUrl }) }),
        HalfMessageModule.forRoot({
          url: amqpUrl,
          service: 'box-office',
          checkAfter: ['300ms', '150ms'],
          maxChecks: 4,
          onParked: (parked) => office.ways.onParked(parked),
        }),
      ],
      providers: [{ provide: BoxOffice, useValue: office }, Printer],
    })
      .setLogger(new ConsoleLogger({ logLevels: ['fatal'] }))
      .compile();
    app.enableShutdownHooks();
    await app.init();
    return new Service(app, amqpUrl, app.get(HalfMessages), app.get(Printer), app.get(Transactions));
  }

  /** Messages that rest, or wait to be asked about. What is in hand does not count. */
  async undecided(): Promise<number> {
    const connection = await connect(this.amqpUrl);
    try {
      const channel = await connection.createChannel();
      const names = ['box-office.half.300ms', 'box-office.half.150ms', 'box-office.half-checks'];
      const queues = await Promise.all(names.map((name) => channel.checkQueue(name)));
      return queues.reduce((sum, { messageCount }) => sum + messageCount, 0);
    } finally {
      await connection.close();
    }
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}
