import { type Held, text } from '../held/queue';

/** What lies in a quarantine: a copy, and where it came from by the word of whoever put it there. */
export interface Quarantined extends Held {
  readonly problem: string | undefined;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
}

export function quarantined(held: Held): Quarantined {
  const { headers = {} } = held.message.properties;
  return {
    ...held,
    problem: text(headers.outbox_problem),
    exchange: text(headers.outbox_exchange),
    routingKey: text(headers.outbox_routing_key),
  };
}
