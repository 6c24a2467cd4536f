import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { INSTRUMENTS, openTelemetryName } from '../../message/instruments';
import { measuredShop } from '../../testing/shop/measured-shop.fixture';
import { openTelemetryMetrics } from './index';

describe('openTelemetryMetrics', () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  let measured: readonly MetricData[];

  beforeAll(async () => {
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    // Of order-service only what nobody else shows: both gauges under one name would be two readings of one series.
    const elsewhere = new MeterProvider();
    await measuredShop({
      users: openTelemetryMetrics({ provider }),
      orders: openTelemetryMetrics({ provider: elsewhere }),
    });
    await provider.forceFlush();
    measured = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    await Promise.all([provider.shutdown(), elsewhere.shutdown()]);
  });

  const points = (name: string): unknown[] =>
    measured
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) => dataPoints as { attributes: object; value: unknown }[])
      .map(({ attributes, value }) => ({ ...attributes, value }));

  it('uses the names, units and help of the list', () => {
    const list: readonly { name: string; unit: string; help: string }[] = Object.values(INSTRUMENTS).map(
      (instrument) => ({ name: openTelemetryName(instrument), unit: instrument.unit, help: instrument.help }),
    );
    expect(measured.length).toBeGreaterThan(10);
    for (const { descriptor } of measured)
      expect(list).toContainEqual({ name: descriptor.name, unit: descriptor.unit, help: descriptor.description });
  });

  it('counts with attributes of ours under our name, and with standard ones under theirs', () => {
    expect(points('tallystick.verdicts')).toEqual([
      expect.objectContaining({ 'tallystick.consumer': 'order-service', 'tallystick.verdict': 'accepted', value: 2 }),
      expect.objectContaining({ 'tallystick.verdict': 'rejected', value: 1 }),
    ]);
    expect(points('messaging.client.sent.messages')).toContainEqual({
      'messaging.system': 'memory',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': 'order-service.order.requested',
      'tallystick.type': 'order.requested',
      'tallystick.consumer': 'order-service',
      'tallystick.outcome': 'confirmed',
      value: 4,
    });
  });

  it('advises the buckets of the list, and reads gauges when somebody collects', () => {
    const duration = measured.find(({ descriptor }) => descriptor.name === 'tallystick.verdict.duration')!;
    if (duration.dataPointType !== DataPointType.HISTOGRAM) throw new Error('it is no histogram');
    expect(duration.dataPoints[0]!.value.buckets.boundaries).toEqual(INSTRUMENTS.answered.buckets);
    expect(points('tallystick.deliveries')).toContainEqual({ 'tallystick.state': 'pending', value: 1 });
    expect(points('tallystick.window.size')).toEqual([{ value: 1024 }]);
  });
});
