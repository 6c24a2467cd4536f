export { openTelemetryTracing, type OpenTelemetryTracingOptions } from './tracing';
export { openTelemetryMetrics, type OpenTelemetryMetricsOptions } from './metrics';
