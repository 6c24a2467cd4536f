import {
  INSTRUMENTS,
  type Label,
  openTelemetryLabel,
  openTelemetryName,
  prometheusLabel,
  prometheusName,
} from './instruments';

describe('what is measured', () => {
  it('is called by OpenTelemetry as its conventions say, and what is ours carries our name', () => {
    const { processed, verdicts, oldestDue } = INSTRUMENTS;
    expect([processed, verdicts, oldestDue].map(openTelemetryName)).toEqual([
      ...['messaging.process.duration', 'tallystick.verdicts', 'tallystick.oldest_due.age'],
    ]);
    const labels: Label[] = ['messaging.system', 'error.type', 'verdict'];
    expect(labels.map(openTelemetryLabel)).toEqual(['messaging.system', 'error.type', 'tallystick.verdict']);
  });

  it('is called by Prometheus with its base unit, or `_total` where it is counted; a gauge by its name alone', () => {
    const { processed, verdicts, sent, oldestDue, batches, ready } = INSTRUMENTS;
    expect([processed, verdicts, sent, oldestDue, batches, ready].map(prometheusName)).toEqual([
      'messaging_process_duration_seconds',
      'tallystick_verdicts_total',
      'messaging_client_sent_messages_total',
      'tallystick_oldest_due_age_seconds',
      'tallystick_batch_size',
      'tallystick_transport_ready',
    ]);
    expect((['messaging.system', 'verdict'] as const).map(prometheusLabel)).toEqual(['messaging_system', 'verdict']);
  });

  it('has a name of its own in both, and buckets that grow where it is a histogram', () => {
    const all = Object.values(INSTRUMENTS);
    for (const nameOf of [openTelemetryName, prometheusName]) expect(new Set(all.map(nameOf)).size).toBe(all.length);
    for (const { kind, ...rest } of all) {
      const buckets = 'buckets' in rest ? rest.buckets : [];
      expect(buckets.length > 0).toBe(kind === 'histogram');
      expect([...buckets].sort((one, other) => one - other)).toEqual(buckets);
    }
  });
});
