import { Controller, Get } from '@nestjs/common';
import { OutboxHealth, type OutboxHealthReport, OutboxMonitor } from '@tallystick/outbox';

/** What a process says about itself. */
@Controller()
export class CountersController {
  constructor(
    private readonly monitor: OutboxMonitor,
    private readonly health: OutboxHealth,
  ) {}

  /** How often each event of the library happened since this process started. */
  @Get('counters')
  counters(): Readonly<Record<string, number>> {
    return this.monitor.counters() as Record<string, number>;
  }

  @Get('health')
  check(): Promise<OutboxHealthReport> {
    return this.health.check();
  }
}
