import { Logger } from '@nestjs/common';
import { levelOf, type OutboxEvent, type OutboxEventName } from '../message/events';
import type { Monitor } from '../ports/monitor';

/** Called for every event a person should look at. May be asynchronous; its failure is logged and changes nothing. */
export type OnAlarm = (event: OutboxEvent) => void | Promise<void>;

/** Counts every event, logs those worth a line, and calls `onAlarm` for those that need a person. */
export class LoggingMonitor implements Monitor {
  private readonly logger = new Logger('Outbox');
  private readonly counts = new Map<OutboxEventName, number>();

  constructor(private readonly onAlarm: OnAlarm | undefined) {}

  record(event: OutboxEvent): void {
    this.counts.set(event.event, (this.counts.get(event.event) ?? 0) + 1);
    const level = levelOf(event);
    if (level === 'count') return;
    if (level === 'alarm') this.alarm(event);
    else this.logger[level](line(event));
  }

  /** How often each event happened in this process. */
  counters(): Readonly<Partial<Record<OutboxEventName, number>>> {
    return Object.fromEntries(this.counts);
  }

  private alarm(event: OutboxEvent): void {
    this.logger.warn(line(event));
    if (!this.onAlarm) return;
    const call = async (): Promise<void> => this.onAlarm!(event);
    call().catch((error: unknown) => this.logger.error(`onAlarm failed: ${String(error)}`));
  }
}

/** `delivery.parked messageId=… consumer=… code=EXPIRED`: ids, codes and numbers, greppable. */
function line({ event, ...fields }: OutboxEvent): string {
  const parts = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [
    event,
    ...parts.map(
      ([name, value]) =>
        `${name}=${typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : String(value)}`,
    ),
  ].join(' ');
}
