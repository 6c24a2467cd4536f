import type { OutboxEvent } from '../message/events';
import { INSTRUMENTS, type Instrument, type Labels } from '../message/instruments';
import { VirtualClock } from '../testing/memory/virtual-clock';
import type { OutboxSample } from '../ports/store';
import { Metrics } from './metrics';
import { Sampler } from './sampler';

/** A database of which one look takes 20 ms. */
function measuring() {
  const clock = new VirtualClock();
  const recorded: { instrument: Instrument; labels: Labels; value: number }[] = [];
  const gauges = new Map<Instrument, () => readonly { value: number }[]>();
  const write = (instrument: Instrument) => (labels: Labels, value: number) =>
    void recorded.push({ instrument, labels, value });
  let away = false;
  const sampler = new Sampler(
    { service: 'shop', overdueMs: 60_000 },
    {
      pauses: async () => [{ to: 'shop', since: '2026-01-01T00:00:00Z', by: 'ada', reason: 'their database moves' }],
      sample: async (): Promise<OutboxSample> => {
        if (away) throw new Error('away');
        const nowMs = Date.parse('2026-01-01T00:00:00Z') + clock.monotonic() + 10;
        await new Promise<void>((resolve) => clock.schedule(20, resolve));
        return {
          open: { pending: 1, sent: 0, cancelling: 0, answered: 0, parked: 0 },
          oldestDueMs: 5,
          overdue: 0,
          nowMs,
        };
      },
    },
    clock,
  );
  const metrics = new Metrics({
    meter: { counter: write, histogram: write, gauge: (instrument, read) => void gauges.set(instrument, read) },
    transport: { name: 'test', ready: true, destination: (to, type) => `${to}/${type}` },
    sampler,
    kindOf: (type) => ({ known: 'request', told: 'announcement' })[type] as 'request' | undefined,
    inFlight: () => 3,
    window: 7,
    service: 'shop',
  });
  const of = (instrument: Instrument) => recorded.filter((each) => each.instrument === instrument);
  return {
    clock,
    sampler,
    metrics,
    of,
    read: (instrument: Instrument) => gauges.get(instrument)!(),
    lose: () => (away = true),
  };
}

describe('Metrics', () => {
  const published = {
    event: 'delivery.published',
    outcome: 'confirmed',
    type: 'known',
    consumer: 'shop',
    state: 'pending',
    tookMs: 4,
    recordedAt: '2026-01-01T00:00:10.000000Z',
  } as const satisfies OutboxEvent;

  it('puts types that nobody handles here under one name, however many there are', () => {
    const { metrics, of } = measuring();
    for (const type of ['known', 'told', 'a', 'b', 'c']) metrics.record({ event: 'inbox.replayed', type, tookMs: 1 });
    expect(of(INSTRUMENTS.consumed).map(({ labels }) => [labels.type, labels['messaging.destination.name']])).toEqual([
      ['known', 'shop/known'],
      ['told', '*/told'],
      ['unknown', 'shop/unknown'],
      ['unknown', 'shop/unknown'],
      ['unknown', 'shop/unknown'],
    ]);
  });

  it('measures the time to the confirm once it knows the time of the database, and of first copies only', async () => {
    const { metrics, of, sampler, clock } = measuring();
    metrics.record(published);
    expect(of(INSTRUMENTS.confirmed)).toEqual([]);
    sampler.start();
    await clock.advance(12_000);
    metrics.record(published);
    metrics.record({ ...published, state: 'sent' });
    metrics.record({ ...published, outcome: 'unknown' });
    expect(of(INSTRUMENTS.confirmed).map(({ value }) => value)).toEqual([2]);
    expect(of(INSTRUMENTS.sent).map(({ labels }) => labels['error.type'])).toEqual([
      undefined,
      undefined,
      undefined,
      'unknown',
    ]);
    await sampler.stop();
  });

  it('counts a cancel as a cancel, and what needs a person by its event', () => {
    const { metrics, of } = measuring();
    metrics.record({ ...published, state: 'cancelling' });
    expect(of(INSTRUMENTS.sent)[0]!.labels.type).toBe('outbox.cancel');
    metrics.record({ event: 'delivery.parked', messageId: '1', consumer: 'shop', code: 'GAVE_UP', error: undefined });
    metrics.record({ event: 'receipt.duplicate' });
    expect(of(INSTRUMENTS.alarms).map(({ labels }) => labels.event)).toEqual(['delivery.parked']);
    expect(of(INSTRUMENTS.parked)[0]!.labels).toEqual({ consumer: 'shop', code: 'GAVE_UP' });
  });

  it('shows what is paused, with few labels', async () => {
    const { read, sampler, clock } = measuring();
    expect(read(INSTRUMENTS.paused)).toEqual([]);
    sampler.start();
    await clock.advance(100);
    expect(read(INSTRUMENTS.paused)).toEqual([{ labels: { consumer: 'shop', type: 'all' }, value: 1 }]);
    await sampler.stop();
  });

  it('shows no old numbers while the database is away, and what this process knows by itself', async () => {
    const { read, sampler, clock, lose } = measuring();
    expect(read(INSTRUMENTS.oldestDue)).toEqual([]);
    sampler.start();
    await clock.advance(100);
    expect(read(INSTRUMENTS.oldestDue)).toEqual([{ labels: {}, value: 0.005 }]);
    lose();
    await clock.advance(59_000);
    expect(read(INSTRUMENTS.open)).toHaveLength(5);
    await clock.advance(1_000);
    expect([read(INSTRUMENTS.open), read(INSTRUMENTS.overdue)]).toEqual([[], []]);
    expect(read(INSTRUMENTS.inFlight)).toEqual([{ labels: {}, value: 3 }]);
    await sampler.stop();
  });
});
