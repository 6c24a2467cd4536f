import { Controller, Get, type INestApplication, Injectable, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { connectTestPostgres, testDatabase, testDatabasesArePooled, until } from '@tallystick/services';
import { DataSource } from 'typeorm';
import { MemoryBroker } from '../testing/memory/memory-broker';
import { memory } from '../testing/memory/memory-transport';
import { SystemClock } from '../adapters/system/system-clock';
import {
  MessageHandler,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  OutboxMonitor,
  postgres,
  Sheddable,
  TransactionalMessage,
} from '../index';

@OutboxMessage({ type: 'report.requested', to: 'reports' })
class ReportRequested {}

@Injectable()
class Reports {
  @TransactionalMessage(ReportRequested)
  async request(): Promise<ReportRequested> {
    return new ReportRequested();
  }

  @MessageHandler(ReportRequested)
  async write(): Promise<void> {}
}

@Controller()
class ReportsController {
  constructor(private readonly reports: Reports) {}

  /** Somebody waits for it. */
  @Post('reports')
  async request(): Promise<void> {
    await this.reports.request();
  }

  /** Can as well be done tonight. */
  @Sheddable()
  @Post('reports/nightly')
  async requestNightly(): Promise<void> {
    await this.reports.request();
  }
}

@Sheddable()
@Controller('statistics')
class StatisticsController {
  @Get()
  all(): string {
    return 'all of them';
  }
}

describe('a sheddable route', () => {
  let databaseUrl: string;
  let broker: MemoryBroker;
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    databaseUrl = await testDatabase('pressure');
    broker = new MemoryBroker(new SystemClock());
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: databaseUrl,
          migrations: OUTBOX_MIGRATIONS,
          migrationsRun: true,
        }),
        OutboxModule.forRoot({
          service: 'reports',
          transport: memory(broker),
          pollInterval: 20,
          shedAfter: 50,
          store: postgres({ namedStatements: !testDatabasesArePooled() }),
        }),
      ],
      controllers: [ReportsController, StatisticsController],
      providers: [Reports],
    }).compile();
    testing.useLogger(false);
    app = testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(async () => {
    await app.close();
    await connectTestPostgres().dropDatabase(databaseUrl);
  });
  afterEach(() => broker.resume());

  const get = (path: string): Promise<Response> => fetch(`${url}/${path}`);
  const post = (path: string): Promise<Response> => fetch(`${url}/${path}`, { method: 'POST' });

  /** Asks until the answer has this status: what the guard knows is a second old. */
  async function answer(status: number, ask: () => Promise<Response>): Promise<Response> {
    let response!: Response;
    await until(`the answer is ${status}`, async () => (response = await ask()).status === status);
    return response;
  }

  /** Nothing can be sent, and something waits. */
  async function fallBehind(): Promise<void> {
    broker.block();
    expect((await post('reports')).status).toBe(201);
  }

  it('answers 503, when to come again, and why, while the outbox is behind; other routes go on', async () => {
    await fallBehind();
    const refused = await answer(503, () => post('reports/nightly'));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
    expect(await refused.json()).toEqual({
      statusCode: 503,
      error: 'Service Unavailable',
      code: 'OUTBOX_BEHIND',
      message: expect.stringMatching(/have been waiting to be sent for \d+ s\. Nothing was done; try again in \d+ s\./),
    });
    await answer(503, () => get('statistics'));
    expect((await post('reports')).status).toBe(201);

    broker.resume();
    await answer(201, () => post('reports/nightly'));
    await answer(200, () => get('statistics'));
  });

  it('lets everybody in while the database cannot tell', async () => {
    await fallBehind();
    await answer(503, () => get('statistics'));
    const dataSource = app.get(DataSource);
    await dataSource.query('alter table outbox_delivery rename to gone');
    try {
      await answer(200, () => get('statistics'));
      expect(app.get(OutboxMonitor).counters()['pressure.unknown']).toBe(1);
    } finally {
      await dataSource.query('alter table gone rename to outbox_delivery');
    }
    await answer(503, () => get('statistics'));
  });
});
