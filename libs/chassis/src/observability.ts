import { Controller, Get, Header, Module } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { OutboxModuleOptions } from '@tallystick/outbox';
import { openTelemetryTracing } from '@tallystick/outbox/opentelemetry';
import { prometheusMetrics } from '@tallystick/outbox/prometheus';
import { collectDefaultMetrics, register } from 'prom-client';

/**
 * What both services give their outbox, so that it can be watched. Traces go wherever the SDK sends them that the process
 * was started with (`node --require`); without one, nowhere.
 */
export const observed: Pick<OutboxModuleOptions, 'metrics' | 'tracing'> = {
  metrics: prometheusMetrics(),
  tracing: openTelemetryTracing(),
};

@ApiExcludeController()
@Controller('metrics')
class MetricsController {
  /** For Prometheus; as open as the rest of the demo. */
  @Get()
  @Header('content-type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}

@Module({ controllers: [MetricsController] })
export class MetricsModule {
  constructor() {
    collectDefaultMetrics();
  }
}
