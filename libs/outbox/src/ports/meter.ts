import type { Instrument, Labels } from '../message/instruments';

/**
 * Where measurements go: `prometheusMetrics()` or `openTelemetryMetrics()`. Each instrument is asked for once. What it
 * returns must not throw and must return at once: it is called for every message.
 */
export interface Meter {
  counter(instrument: Instrument): (labels: Labels, by: number) => void;
  histogram(instrument: Instrument): (labels: Labels, value: number) => void;
  /** @param read what there is to see now, asked whenever somebody looks; it costs nothing. Nothing: nobody knows */
  gauge(instrument: Instrument, read: () => readonly Reading[]): void;
}

export interface Reading {
  readonly labels: Labels;
  readonly value: number;
}
