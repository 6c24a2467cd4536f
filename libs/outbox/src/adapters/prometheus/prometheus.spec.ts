import { Registry } from 'prom-client';
import { INSTRUMENTS, prometheusLabel, prometheusName } from '../../message/instruments';
import { measuredShop } from '../../testing/shop/measured-shop.fixture';
import { prometheusMetrics } from './index';

describe('prometheusMetrics', () => {
  const users = new Registry();
  const orders = new Registry();

  beforeAll(() =>
    measuredShop({ users: prometheusMetrics({ registry: users }), orders: prometheusMetrics({ registry: orders }) }),
  );

  /** What is not a bucket, sorted. */
  async function linesOf(registry: Registry, pattern: RegExp): Promise<string[]> {
    const lines = (await registry.metrics()).split('\n').filter((line) => !/^#|_bucket\{/.test(line));
    return lines.filter((line) => pattern.test(line)).sort();
  }

  it('has every instrument of the list in the registry of the application, with its labels', async () => {
    const metrics = await users.getMetricsAsJSON();
    const expected = Object.values(INSTRUMENTS).map(
      (instrument) => [prometheusName(instrument), instrument.kind, instrument.help] as const,
    );
    expect(metrics.map(({ name, type, help }) => [name, type, help]).sort()).toEqual([...expected].sort());
    for (const instrument of Object.values(INSTRUMENTS)) {
      const { values } = metrics.find(({ name }) => name === prometheusName(instrument))!;
      const allowed = ['le', ...instrument.labels.map(prometheusLabel)];
      expect(values.flatMap(({ labels }) => Object.keys(labels)).filter((name) => !allowed.includes(name))).toEqual([]);
    }
  });

  it('counts what the producer did, and what was answered', async () => {
    expect(
      await linesOf(users, /^(tallystick_(recorded|verdicts_total|deferred|parked|follow)|messaging_client_sent)/),
    ).toEqual([
      'messaging_client_sent_messages_total{messaging_system="memory",messaging_operation_name="publish",messaging_destination_name="order-service.order.requested",type="order.requested",consumer="order-service",outcome="confirmed"} 4',
      expect.stringMatching(
        /error_type="returned",type="stock.asked",consumer="order-service",outcome="returned"\} \d+$/,
      ),
      'tallystick_deferred_total{consumer="order-service"} 1',
      'tallystick_follow_ups_total{type="order.requested",verdict="accepted",outcome="done"} 2',
      'tallystick_follow_ups_total{type="order.requested",verdict="rejected",outcome="done"} 1',
      'tallystick_follow_ups_total{type="order.requested",verdict="rejected",outcome="failed"} 1',
      'tallystick_recorded_total{type="order.requested"} 3',
      'tallystick_recorded_total{type="stock.asked"} 1',
      'tallystick_verdicts_total{type="order.requested",consumer="order-service",verdict="accepted"} 2',
      'tallystick_verdicts_total{type="order.requested",consumer="order-service",verdict="rejected"} 1',
    ]);
  });

  it('counts what came of messages at the consumer', async () => {
    const where =
      'messaging_system="memory",messaging_operation_name="process",messaging_destination_name="order-service.order.requested"';
    expect(await linesOf(orders, /consumed/)).toEqual([
      `messaging_client_consumed_messages_total{${where},error_type="deferred",type="order.requested",outcome="deferred"} 1`,
      `messaging_client_consumed_messages_total{${where},type="order.requested",outcome="accepted"} 2`,
      `messaging_client_consumed_messages_total{${where},type="order.requested",outcome="rejected"} 1`,
    ]);
    expect(await linesOf(orders, /process_duration_seconds_count/)).toEqual([
      `messaging_process_duration_seconds_count{${where},error_type="deferred",type="order.requested"} 1`,
      `messaging_process_duration_seconds_count{${where},type="order.requested"} 3`,
    ]);
  });

  it('measures how long it took to the confirm and to the verdict, by the clock of the database', async () => {
    const accepted = 'type="order.requested",consumer="order-service",verdict="accepted"';
    const [count, sum] = await linesOf(users, /verdict_duration_seconds_(sum|count).*accepted/);
    expect(count).toBe(`tallystick_verdict_duration_seconds_count{${accepted}} 2`);
    // One was deferred, and waited for its second try: at most a second, drawn at random.
    expect(Number(sum!.split(' ')[1])).toBeGreaterThan(0);
    expect(Number(sum!.split(' ')[1])).toBeLessThan(2);
    expect(await linesOf(users, /confirm_duration_seconds_count/)).toEqual([
      'tallystick_confirm_duration_seconds_count{type="order.requested",consumer="order-service"} 4',
    ]);
  });

  it('shows what is open, due and in flight, as it was last seen', async () => {
    expect(await linesOf(users, /^tallystick_(deliveries|verdicts_overdue|oldest|window|transport)/)).toEqual([
      'tallystick_deliveries{state="answered"} 0',
      'tallystick_deliveries{state="cancelling"} 0',
      'tallystick_deliveries{state="parked"} 0',
      'tallystick_deliveries{state="pending"} 1',
      'tallystick_deliveries{state="sent"} 0',
      'tallystick_oldest_due_age_seconds 0',
      'tallystick_transport_ready 1',
      'tallystick_verdicts_overdue 0',
      'tallystick_window_in_use 0',
      'tallystick_window_size 1024',
    ]);
  });

  it('says nothing of a gauge that has no reading, with labels or without', async () => {
    const registry = new Registry();
    const meter = prometheusMetrics({ registry });
    for (const gauge of [INSTRUMENTS.oldestDue, INSTRUMENTS.open, INSTRUMENTS.paused]) {
      let readings = [{ labels: Object.fromEntries(gauge.labels.map((label) => [label, 'x'])), value: 1 }];
      meter.gauge(gauge, () => readings);
      expect(await linesOf(registry, new RegExp(`^${prometheusName(gauge)}`))).toHaveLength(1);
      readings = [];
      expect(await linesOf(registry, new RegExp(`^${prometheusName(gauge)}`))).toEqual([]);
    }
  });

  it('takes gauges over from an application that was there before, and shares the rest', async () => {
    const registry = new Registry();
    for (let starts = 0; starts < 2; starts++) {
      const metrics = prometheusMetrics({ registry });
      await measuredShop({ users: metrics, orders: prometheusMetrics({ registry: new Registry() }) });
    }
    expect(await linesOf(registry, /^tallystick_recorded_total\{type="order.requested"/)).toEqual([
      'tallystick_recorded_total{type="order.requested"} 6',
    ]);
    expect(await linesOf(registry, /^tallystick_window_size/)).toEqual(['tallystick_window_size 1024']);
  });
});
