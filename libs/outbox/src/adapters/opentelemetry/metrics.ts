import { type Attributes, metrics, type MeterProvider, type MetricOptions } from '@opentelemetry/api';
import {
  type Instrument,
  type Label,
  type Labels,
  openTelemetryLabel,
  openTelemetryName,
} from '../../message/instruments';
import type { Meter } from '../../ports/meter';
import { SCOPE } from './scope';

export interface OpenTelemetryMetricsOptions {
  /** @default the global one; register it before the application is built */
  provider?: MeterProvider;
}

/** For `OutboxModule.forRoot({ metrics })`: measures with OpenTelemetry. Without an SDK nothing is kept. */
export function openTelemetryMetrics({ provider }: OpenTelemetryMetricsOptions = {}): Meter {
  const meter = (provider ?? metrics.getMeterProvider()).getMeter(SCOPE);
  const described = ({ help, unit, buckets }: Instrument): MetricOptions => ({
    description: help,
    unit,
    ...(buckets && { advice: { explicitBucketBoundaries: [...buckets] } }),
  });
  return {
    counter(instrument) {
      const counter = meter.createCounter(openTelemetryName(instrument), described(instrument));
      return (labels, by) => counter.add(by, attributesOf(labels));
    },
    histogram(instrument) {
      const histogram = meter.createHistogram(openTelemetryName(instrument), described(instrument));
      return (labels, value) => histogram.record(value, attributesOf(labels));
    },
    gauge(instrument, read) {
      meter.createObservableGauge(openTelemetryName(instrument), described(instrument)).addCallback((result) => {
        for (const { labels, value } of read()) result.observe(value, attributesOf(labels));
      });
    },
  };
}

function attributesOf(labels: Labels): Attributes {
  const attributes: Attributes = {};
  for (const label in labels) attributes[openTelemetryLabel(label as Label)] = labels[label as Label];
  return attributes;
}
