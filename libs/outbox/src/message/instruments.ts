/**
 * Everything that is measured, in one list. A label has few values, whatever strangers send and however many messages there
 * are: no id, no key, no text of an error. Names and labels are OpenTelemetry's; `messaging.*` is what its semantic
 * conventions for messaging define (1.44, *Development*), the rest is ours.
 */
export interface Instrument {
  /** Without the namespace of ours. */
  readonly name: string;
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** UCUM; in braces what is counted. */
  readonly unit: 's' | '{message}' | '{delivery}' | '{row}' | '{event}' | '1';
  readonly labels: readonly Label[];
  readonly help: string;
  readonly buckets?: readonly number[];
}

export type Label =
  | 'type'
  | 'consumer'
  | 'outcome'
  | 'verdict'
  | 'code'
  | 'state'
  | 'step'
  | 'event'
  | 'messaging.system'
  | 'messaging.operation.name'
  | 'messaging.destination.name'
  | 'error.type';

export type Labels = Readonly<Partial<Record<Label, string>>>;

/** As the semantic conventions advise for both of their durations. */
const WORK = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** From a healthy round trip to a weekend. */
const WAIT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400];
const ROWS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500];
const STANDARD: readonly Label[] = ['messaging.system', 'messaging.operation.name', 'messaging.destination.name'];

export const INSTRUMENTS = {
  recorded: {
    name: 'recorded',
    kind: 'counter',
    unit: '{message}',
    labels: ['type'],
    help: 'Messages recorded, those of transactions that were rolled back later included.',
  },
  sent: {
    name: 'messaging.client.sent.messages',
    kind: 'counter',
    unit: '{message}',
    labels: [...STANDARD, 'error.type', 'type', 'consumer', 'outcome'],
    help: 'Attempts to publish a message or cancel, by what became of them.',
  },
  sending: {
    name: 'messaging.client.operation.duration',
    kind: 'histogram',
    unit: 's',
    labels: [...STANDARD, 'error.type'],
    help: 'How long an attempt to publish took, its confirm included.',
    buckets: WORK,
  },
  confirmed: {
    name: 'confirm.duration',
    kind: 'histogram',
    unit: 's',
    labels: ['type', 'consumer'],
    help: 'From recorded to confirmed by the transport; once more if it is deferred and sent again.',
    buckets: WAIT,
  },
  answered: {
    name: 'verdict.duration',
    kind: 'histogram',
    unit: 's',
    labels: ['type', 'consumer', 'verdict'],
    help: 'From recorded to the verdict stored.',
    buckets: WAIT,
  },
  verdicts: {
    name: 'verdicts',
    kind: 'counter',
    unit: '{message}',
    labels: ['type', 'consumer', 'verdict'],
    help: 'Verdicts stored.',
  },
  deferred: {
    name: 'deferred',
    kind: 'counter',
    unit: '{message}',
    labels: ['consumer'],
    help: 'Receipts that said: not yet, or not in a way that a person must look at.',
  },
  parked: {
    name: 'parked',
    kind: 'counter',
    unit: '{delivery}',
    labels: ['consumer', 'code'],
    help: 'Deliveries that were parked for a person.',
  },
  followUps: {
    name: 'follow_ups',
    kind: 'counter',
    unit: '{message}',
    labels: ['type', 'verdict', 'outcome'],
    help: 'Runs of @OnAccepted (verdict accepted) and @Compensate (rejected): done or failed.',
  },
  batches: {
    name: 'batch.size',
    kind: 'histogram',
    unit: '{row}',
    labels: ['step'],
    help: 'Deliveries in one statement of the relay: claim, mark, close. The count of claim is the relay’s pulse.',
    buckets: ROWS,
  },
  consumed: {
    name: 'messaging.client.consumed.messages',
    kind: 'counter',
    unit: '{message}',
    labels: [...STANDARD, 'error.type', 'type', 'outcome'],
    help: 'Messages and cancels that came in, by what came of them: accepted, rejected, replayed, deferred, unprocessable.',
  },
  processed: {
    name: 'messaging.process.duration',
    kind: 'histogram',
    unit: 's',
    labels: [...STANDARD, 'error.type', 'type'],
    help: 'From received to its outcome known, the commit included.',
    buckets: WORK,
  },
  alarms: {
    name: 'alarms',
    kind: 'counter',
    unit: '{event}',
    labels: ['event'],
    help: 'Events that a person should look at, by name.',
  },
  open: {
    name: 'deliveries',
    kind: 'gauge',
    unit: '{delivery}',
    labels: ['state'],
    help: 'Deliveries that are not final, by state; 10,000 stands for that many or more.',
  },
  overdue: {
    name: 'verdicts.overdue',
    kind: 'gauge',
    unit: '{delivery}',
    labels: [],
    help: 'Sent, and recorded longer than `receiptWait` ago without a verdict; 10,000 stands for that many or more.',
  },
  oldestDue: {
    name: 'oldest_due.age',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'How long the oldest due delivery has been waiting; 0 if none is due. Delayed and backed-off ones are not due.',
  },
  paused: {
    name: 'paused',
    kind: 'gauge',
    unit: '1',
    labels: ['consumer', 'type'],
    help: '1 for each pause; `all` stands for every consumer, or every type. Nothing while nothing is paused.',
  },
  inFlight: {
    name: 'window.in_use',
    kind: 'gauge',
    unit: '{delivery}',
    labels: [],
    help: 'Deliveries that this process has in flight.',
  },
  window: {
    name: 'window.size',
    kind: 'gauge',
    unit: '{delivery}',
    labels: [],
    help: 'Most deliveries that this process may have in flight.',
  },
  ready: {
    name: 'transport.ready',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: '1 while the transport takes messages.',
  },
} as const satisfies Readonly<Record<string, Instrument>>;

/** Of names and attributes that are ours. */
const NAMESPACE = 'tallystick';

/** `tallystick.verdicts`, `messaging.process.duration`. */
export function openTelemetryName({ name }: Instrument): string {
  return name.startsWith('messaging.') ? name : `${NAMESPACE}.${name}`;
}

/** `tallystick.type`, `messaging.system`. */
export function openTelemetryLabel(label: Label): string {
  return label.includes('.') ? label : `${NAMESPACE}.${label}`;
}

/** `tallystick_verdicts_total`, `messaging_process_duration_seconds`: base units and `_total`, as Prometheus advises. */
export function prometheusName(instrument: Instrument): string {
  const name = openTelemetryName(instrument).replaceAll('.', '_');
  if (instrument.unit === 's') return `${name}_seconds`;
  return instrument.kind === 'counter' ? `${name}_total` : name;
}

/** `type`, `messaging_system`. */
export function prometheusLabel(label: Label): string {
  return label.replaceAll('.', '_');
}
