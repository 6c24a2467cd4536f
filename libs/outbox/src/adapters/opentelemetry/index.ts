export { openTelemetryMetrics, type OpenTelemetryMetricsOptions } from './metrics';
