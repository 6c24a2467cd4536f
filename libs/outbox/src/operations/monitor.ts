import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import { levelOf, type OutboxEvent, type OutboxEventName } from '../message/events';
import type { Monitor } from '../ports/monitor';

/** Called for every event a person should look at. May be asynchronous; its failure is logged and changes nothing. */
export type OnAlarm = (event: OutboxEvent) => void | Promise<void>;

/**
 * Is given what a handler or follow-up threw, every time, as it was thrown: also what a driver hung on it, such as a
 * statement's parameters. Its failure is logged and changes nothing.
 */
export type OnError = (error: unknown, event: OutboxEvent) => void | Promise<void>;

/** What a stranger, or one outage, can bring about by the thousand: so many lines and alarms of each in a minute, the rest is counted. */
const MANY: readonly OutboxEventName[] = [
  'inbox.malformed',
  'inbox.quarantined',
  'inbox.unprocessable',
  'inbox.collision',
  'receipt.untrusted',
  'receipt.refused',
  'receipt.unknown-delivery',
  'receipt.contradiction',
  'receipt.after-discard',
  'transport.trouble',
  'delivery.overdue',
];
const LINES_PER_MINUTE = 20;
const MINUTE_MS = 60_000;

/**
 * Counts every event, logs those worth a line, and calls `onAlarm` for those that need a person. Of what strangers can
 * cause it says the first ones of every minute, and with the next one how many were left unsaid.
 */
export class LoggingMonitor implements Monitor {
  private readonly logger = new Logger('Outbox');
  private readonly counts = new Map<OutboxEventName, number>();
  /** Events come from everywhere, alarms are nobody's request. */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();
  private readonly minutes = new Map<OutboxEventName, { ends: number; said: number; unsaid: number }>();

  private listener: ((event: OutboxEvent) => void) | undefined;

  /** @param now milliseconds of a clock that never jumps */
  constructor(
    private readonly onAlarm: OnAlarm | undefined,
    private readonly onError: OnError | undefined = undefined,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Is told of every event, before anything else is done with it. There is one; if it throws, it is told no more. */
  watch(listener: (event: OutboxEvent) => void): void {
    this.listener = listener;
  }

  record(event: OutboxEvent, thrown?: unknown): void {
    if (this.listener) this.tell(this.listener, event);
    this.counts.set(event.event, (this.counts.get(event.event) ?? 0) + 1);
    if (thrown !== undefined) this.hand('onError', () => this.onError?.(thrown, event));
    const level = levelOf(event);
    if (level === 'count') return;
    const stack = firstStack(event, thrown);
    if (stack !== undefined) this.logger.error(line(event), stack);
    else if (this.isFlood(event)) return;
    else if (level === 'alarm') this.alarm(event);
    else this.logger[level](line(event));
  }

  /** What is only measured must never stop what is measured. */
  private tell(listener: (event: OutboxEvent) => void, event: OutboxEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.listener = undefined;
      this.logger.error(`measuring ${event.event} failed, so nothing is measured any more: ${String(error)}`);
    }
  }

  /** How often each event happened in this process. */
  counters(): Readonly<Partial<Record<OutboxEventName, number>>> {
    return Object.fromEntries(this.counts);
  }

  /** True if enough was said of such events in this minute. */
  private isFlood(event: OutboxEvent): boolean {
    // What a person alone can mend in the transport must not be hidden by what strangers do to it.
    const mayBeMany = MANY.includes(event.event) && !('alarm' in event && event.alarm === true);
    if (!mayBeMany) return false;
    const now = this.now();
    let minute = this.minutes.get(event.event);
    if (!minute || now >= minute.ends) {
      const unsaid = minute?.unsaid ?? 0;
      if (unsaid > 0)
        this.logger.warn(`${event.event}: ${unsaid} more since the last line, see OutboxMonitor.counters()`);
      minute = { ends: now + MINUTE_MS, said: 0, unsaid: 0 };
      this.minutes.set(event.event, minute);
    }
    if (minute.said === LINES_PER_MINUTE) minute.unsaid++;
    else minute.said++;
    return minute.unsaid > 0;
  }

  private alarm(event: OutboxEvent): void {
    this.logger.warn(line(event));
    this.hand('onAlarm', () => this.onAlarm?.(event));
  }

  private hand(hook: 'onAlarm' | 'onError', call: () => void | Promise<void>): void {
    const called = async (): Promise<void> => call();
    this.inOwnContext(called).catch((error: unknown) => this.logger.error(`${hook} failed: ${String(error)}`));
  }
}

/** Where it was thrown is said with the first attempt: the others would say the same again. */
function firstStack(event: OutboxEvent, thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('attempt' in event) || event.attempt > 1) return undefined;
  return typeof thrown.stack === 'string' ? thrown.stack : undefined;
}

/** `delivery.parked messageId=… consumer=… code=EXPIRED`: ids, codes and numbers, greppable. */
function line({ event, ...fields }: OutboxEvent): string {
  const parts = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [
    event,
    ...parts.map(([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : String(value)}`),
  ].join(' ');
}

/** What steers a terminal, or turns the direction of what it shows, is written out: error texts come from everywhere. */
function quoted(text: string): string {
  if (!/[\s\p{C}]/u.test(text)) return text;
  return JSON.stringify(text).replaceAll(
    /\p{C}/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}
