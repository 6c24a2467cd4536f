import { Counter, Gauge, Histogram, type Registry, register } from 'prom-client';
import { type Instrument, type Labels, prometheusLabel, prometheusName } from '../../message/instruments';
import type { Meter } from '../../ports/meter';

export interface PrometheusOptions {
  /** Of the application, which serves it. @default the default registry of prom-client */
  registry?: Registry;
}

/**
 * For `OutboxModule.forRoot({ metrics })`: measures into a registry of prom-client. One application per registry: a second
 * one in the same process takes the gauges over, and shares the rest.
 */
export function prometheusMetrics({ registry = register }: PrometheusOptions = {}): Meter {
  const described = (instrument: Instrument) => ({
    name: prometheusName(instrument),
    help: instrument.help,
    labelNames: instrument.labels.map(prometheusLabel),
    registers: [registry],
  });
  const known = <M>(instrument: Instrument): M | undefined =>
    registry.getSingleMetric(prometheusName(instrument)) as M | undefined;
  return {
    counter(instrument) {
      const counter = known<Counter>(instrument) ?? new Counter(described(instrument));
      const labelled = labelling(instrument);
      return (labels, by) => counter.inc(labelled(labels), by);
    },
    histogram(instrument) {
      const buckets = [...(instrument.buckets ?? [])];
      const histogram = known<Histogram>(instrument) ?? new Histogram({ ...described(instrument), buckets });
      const labelled = labelling(instrument);
      return (labels, value) => histogram.observe(labelled(labels), value);
    },
    gauge(instrument, read) {
      registry.removeSingleMetric(prometheusName(instrument));
      const labelled = labelling(instrument);
      new Gauge({
        ...described(instrument),
        collect() {
          this.reset();
          const readings = read();
          // Of a gauge without labels `reset` leaves a zero behind, which would be a lie.
          if (readings.length === 0 && instrument.labels.length === 0) this.remove();
          for (const { labels, value } of readings) this.set(labelled(labels), value);
        },
      });
    },
  };
}

/** Names of labels without a dot are the same everywhere. */
function labelling({ labels }: Instrument): (labels: Labels) => Record<string, string> {
  if (!labels.some((label) => label.includes('.'))) return (given) => given as Record<string, string>;
  const names = labels.map((label) => [label, prometheusLabel(label)] as const);
  return (given) => {
    const labelled: Record<string, string> = {};
    for (const [label, name] of names) {
      const value = given[label];
      if (value !== undefined) labelled[name] = value;
    }
    return labelled;
  };
}
