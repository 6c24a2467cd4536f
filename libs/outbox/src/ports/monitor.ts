import type { OutboxEvent } from '../message/events';

/** Is told what happens. Must not throw and must return at once; `operations/` counts, logs and alarms. */
export interface Monitor {
  record(event: OutboxEvent): void;
}
