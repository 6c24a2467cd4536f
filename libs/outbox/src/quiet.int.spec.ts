import { type RabbitServer, connectTestPostgres, startRabbit, testDatabase } from '@tallystick/services';
import { Injectable, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  MessageHandler,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  rabbitMq,
  recordedMessageId,
  TransactionalMessage,
} from './index';

@OutboxMessage({ type: 'order.requested', to: 'user-service' })
class OrderRequested {}

@Injectable()
class Purchases {
  @TransactionalMessage(OrderRequested) async purchase(): Promise<OrderRequested> {
    return {};
  }
  @MessageHandler(OrderRequested) async order(): Promise<void> {}
}

/** The throw-away server of the tests does without fsync, and boot rightly says so. */
const ABOUT_THE_SERVER = /fsync|synchronous_commit|full_page_writes/;

describe('An application as in the quick start', () => {
  let broker: RabbitServer;
  let url: string;
  beforeAll(async () => {
    broker = await startRabbit();
    url = await testDatabase('quiet');
  }, 90_000);
  afterAll(async () => {
    await broker.stop();
    await connectTestPostgres().dropDatabase(url);
  });

  it('boots, sends, handles and ends without a warning', async () => {
    const warnings: unknown[] = [];
    const lines: unknown[] = [];
    const warn = (line: unknown): void => void warnings.push(line);
    const log = (line: unknown): void => void lines.push(line);
    const logger: LoggerService = { log, warn, error: warn, fatal: warn, debug: () => {}, verbose: () => {} };
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, migrations: [...OUTBOX_MIGRATIONS], migrationsRun: true }),
        OutboxModule.forRoot({ service: 'user-service', transport: rabbitMq({ url: await broker.createVhost() }) }),
      ],
      providers: [Purchases],
    })
      .setLogger(logger)
      .compile();
    await testing.init();
    const message = await testing.get(Purchases).purchase();
    await testing.get(Outbox).waitForVerdict(recordedMessageId(message)!);
    await testing.close();
    expect(lines).toContainEqual(expect.stringContaining('transport.ready'));
    expect(warnings.filter((line) => !ABOUT_THE_SERVER.test(String(line)))).toEqual([]);
  });
});
