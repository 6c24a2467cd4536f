import { EVERYBODY } from '../message/delivery';
import { CANCEL_TYPE } from '../message/envelope';
import { levelOf, type OutboxEvent, type OutboxEventName } from '../message/events';
import { INSTRUMENTS, type Labels } from '../message/instruments';
import type { Meter, Reading } from '../ports/meter';
import type { Transport } from '../ports/transport';
import type { Sampler } from './sampler';

export interface MetricsParts {
  readonly meter: Meter;
  readonly transport: Pick<Transport, 'name' | 'ready' | 'destination'>;
  readonly sampler: Sampler;
  /** Undefined for types without a handler here: their names are anybody's, and there may be any number of them. */
  readonly kindOf: (type: string) => 'request' | 'announcement' | undefined;
  readonly inFlight: () => number;
  readonly window: number;
  readonly service: string;
}

type Listeners = { readonly [Name in OutboxEventName]?: (event: Extract<OutboxEvent, { event: Name }>) => void };

/** Stands for every type that has no handler here. */
const STRANGE = 'unknown';
/** Of a pause that is about every consumer, or every type. */
const ALL = 'all';

/**
 * Turns what the library reports into measurements, and what is sampled into gauges. Nothing is asked of the database for it
 * but the {@link Sampler}'s two statements per interval. A restart begins with zeros, as those who collect metrics expect.
 */
export class Metrics {
  private readonly listeners: Listeners;
  private readonly alarms: (labels: Labels, by: number) => void;

  constructor(private readonly parts: MetricsParts) {
    this.alarms = parts.meter.counter(INSTRUMENTS.alarms);
    this.listeners = { ...this.sending(), ...this.answers(), ...this.consuming() };
    this.gauges();
  }

  readonly record = (event: OutboxEvent): void => {
    (this.listeners[event.event] as ((event: OutboxEvent) => void) | undefined)?.(event);
    if (levelOf(event) === 'alarm') this.alarms({ event: event.event }, 1);
  };

  private sending(): Listeners {
    const { meter, transport, sampler } = this.parts;
    const recorded = meter.counter(INSTRUMENTS.recorded);
    const sent = meter.counter(INSTRUMENTS.sent);
    const sending = meter.histogram(INSTRUMENTS.sending);
    const confirmed = meter.histogram(INSTRUMENTS.confirmed);
    const batches = meter.histogram(INSTRUMENTS.batches);
    return {
      'message.added': ({ type, messages }) => recorded({ type }, messages),
      'delivery.published': ({ outcome, type: about, consumer, state, recordedAt, tookMs }) => {
        const type = state === 'cancelling' ? CANCEL_TYPE : about;
        const succeeded = outcome === 'confirmed' || outcome === 'replied';
        const standard: Labels = {
          'messaging.system': transport.name,
          'messaging.operation.name': 'publish',
          'messaging.destination.name': transport.destination(consumer, type),
          ...(!succeeded && { 'error.type': outcome }),
        };
        sent({ ...standard, type, consumer, outcome }, 1);
        sending(standard, tookMs / 1000);
        if (!succeeded || state !== 'pending') return;
        const sinceMs = sampler.msSince(recordedAt);
        if (sinceMs !== undefined) confirmed({ type, consumer }, sinceMs / 1000);
      },
      'relay.batch': ({ step, rows }) => batches({ step }, rows),
    };
  }

  private answers(): Listeners {
    const { meter } = this.parts;
    const answered = meter.histogram(INSTRUMENTS.answered);
    const verdicts = meter.counter(INSTRUMENTS.verdicts);
    const deferred = meter.counter(INSTRUMENTS.deferred);
    const parked = meter.counter(INSTRUMENTS.parked);
    const followUps = meter.counter(INSTRUMENTS.followUps);
    return {
      'receipt.applied': ({ consumer, verdict, type = STRANGE, ageMs }) => {
        if (verdict === 'deferred') return deferred({ consumer }, 1);
        verdicts({ type, consumer, verdict }, 1);
        if (ageMs !== undefined) answered({ type, consumer, verdict }, ageMs / 1000);
      },
      'delivery.parked': ({ consumer, code }) => parked({ consumer, code }, 1),
      'follow-up.done': ({ type, verdict }) => followUps({ type, verdict, outcome: 'done' }, 1),
      'follow-up.failed': ({ type, verdict }) => followUps({ type, verdict, outcome: 'failed' }, 1),
    };
  }

  private consuming(): Listeners {
    const { meter, transport, kindOf, service } = this.parts;
    const consumed = meter.counter(INSTRUMENTS.consumed);
    const processed = meter.histogram(INSTRUMENTS.processed);
    const came = (about: string, outcome: string, tookMs: number, failure?: string): void => {
      const kind = about === CANCEL_TYPE ? 'request' : kindOf(about);
      const type = kind === undefined ? STRANGE : about;
      const standard: Labels = {
        'messaging.system': transport.name,
        'messaging.operation.name': 'process',
        'messaging.destination.name': transport.destination(kind === 'announcement' ? EVERYBODY : service, type),
        ...(failure !== undefined && { 'error.type': failure }),
      };
      consumed({ ...standard, type, outcome }, 1);
      processed({ ...standard, type }, tookMs / 1000);
    };
    return {
      'inbox.handled': ({ type, verdict, tookMs }) => came(type, verdict, tookMs),
      'inbox.replayed': ({ type, tookMs }) => came(type, 'replayed', tookMs),
      'inbox.cancelled': ({ type, tookMs }) => came(type, 'rejected', tookMs),
      'inbox.deferred': ({ type, tookMs }) => came(type, 'deferred', tookMs, 'deferred'),
      'inbox.unprocessable': ({ type, tookMs, code }) => came(type, 'unprocessable', tookMs, code),
    };
  }

  private gauges(): void {
    const { meter, transport, sampler, inFlight, window } = this.parts;
    const one = (value: number): Reading[] => [{ labels: {}, value }];
    const states = (): Reading[] =>
      Object.entries(sampler.latest?.open ?? {}).map(([state, value]) => ({ labels: { state }, value }));
    const sampled = (read: (sample: NonNullable<Sampler['latest']>) => number) => (): Reading[] =>
      sampler.latest ? one(read(sampler.latest)) : [];
    meter.gauge(INSTRUMENTS.open, states);
    meter.gauge(
      INSTRUMENTS.overdue,
      sampled(({ overdue }) => overdue),
    );
    meter.gauge(
      INSTRUMENTS.oldestDue,
      sampled(({ oldestDueMs }) => oldestDueMs / 1000),
    );
    meter.gauge(INSTRUMENTS.paused, () =>
      (sampler.latest?.pauses ?? []).map(({ to: consumer = ALL, type = ALL }) => ({
        labels: { consumer, type },
        value: 1,
      })),
    );
    meter.gauge(INSTRUMENTS.inFlight, () => one(inFlight()));
    meter.gauge(INSTRUMENTS.window, () => one(window));
    meter.gauge(INSTRUMENTS.ready, () => one(transport.ready ? 1 : 0));
  }
}
