import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { OutboxModuleOptions } from '@tallystick/outbox';
import { openTelemetryMetrics, openTelemetryTracing } from '@tallystick/outbox/opentelemetry';
import { prometheusMetrics } from '@tallystick/outbox/prometheus';
import { Registry } from 'prom-client';

/** How a service of the library is watched; what is collected goes nowhere. */
export type Watched = 'prometheus' | 'opentelemetry' | 'tracing without an SDK' | 'tracing' | 'prometheus and tracing';

type Options = Pick<OutboxModuleOptions, 'metrics' | 'tracing'>;

export function watching(watched: Watched | undefined): Options {
  switch (watched) {
    case undefined:
      return {};
    case 'prometheus':
      return { metrics: prometheusMetrics({ registry: new Registry() }) };
    case 'opentelemetry':
      return { metrics: openTelemetryMetrics({ provider: new MeterProvider({ readers: [new SilentReader()] }) }) };
    case 'tracing without an SDK':
      return { tracing: openTelemetryTracing() };
    case 'tracing':
      return { tracing: traced() };
    case 'prometheus and tracing':
      return { ...watching('prometheus'), tracing: traced() };
    default:
      return watched satisfies never;
  }
}

/** Every span is made and batched, as with an exporter that costs nothing. */
function traced(): Options['tracing'] {
  const exporter = {
    export: (_: unknown, done: (result: { code: number }) => void): void => done({ code: 0 }),
    shutdown: async (): Promise<void> => {},
  };
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }).register();
  return openTelemetryTracing();
}

/** Measurements are kept, and nobody asks. */
class SilentReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}
