import { Controller, Get, Module } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, TerminusModule, TypeOrmHealthIndicator } from '@nestjs/terminus';
import { OutboxHealth } from '@tallystick/outbox';

/**
 * What to notice: without its broker a service is *degraded*, not down. What it records waits safely in its own
 * database, so it stays in rotation and goes on taking requests. Without its database it can do nothing.
 */
@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly database: TypeOrmHealthIndicator,
    private readonly outbox: OutboxHealth,
  ) {}

  /** Is this process worth keeping? It answers, so it is. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Should this process get requests? */
  @Get('ready')
  @HealthCheck()
  async ready(): Promise<object> {
    const result = await this.health.check([() => this.database.pingCheck('database', { timeout: 1_000 })]);
    const outbox = await this.outbox.check();
    return { ...result, status: outbox.status === 'up' ? result.status : 'degraded', outbox };
  }
}

@Module({ imports: [TerminusModule.forRoot({ logger: false })], controllers: [HealthController] })
export class HealthModule {}
