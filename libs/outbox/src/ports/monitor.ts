import type { OutboxEvent } from '../message/events';

/** Is told what happens. Must not throw and must return at once; `operations/` counts, logs and alarms. */
export interface Monitor {
  /** @param thrown what the event speaks of, as it was thrown, if it came from a handler or follow-up */
  record(event: OutboxEvent, thrown?: unknown): void;
}
