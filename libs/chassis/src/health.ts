import { Controller, Get, Module } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, TerminusModule, TypeOrmHealthIndicator } from '@nestjs/terminus';
import { OutboxHealth } from '@tallystick/outbox';

/**
 * What to notice: without its broker a service is *degraded*, not down. What it records waits safely in its own
 * database, so it stays in rotation and goes on taking requests. Without its database it can do nothing.
 */
@ApiTags('health')
@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly database: TypeOrmHealthIndicator,
    private readonly outbox: OutboxHealth,
  ) {}

  /** It answers, so it is. */
  @Get('live')
  @ApiOperation({ summary: 'Is this process worth keeping?' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Should this process get requests?' })
  @HealthCheck()
  async ready(): Promise<object> {
    const result = await this.health.check([
      () => this.database.pingCheck('database', { timeout: 1_000 }),
      this.outbox.indicator(),
    ]);
    const { outbox } = result.details;
    return { ...result, status: outbox!.degraded ? 'degraded' : result.status, outbox };
  }
}

@Module({ imports: [TerminusModule.forRoot({ logger: false })], controllers: [HealthController] })
export class HealthModule {}
