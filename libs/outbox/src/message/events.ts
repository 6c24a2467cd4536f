import { mayBecomeProcessable } from './receipt';

/**
 * Everything the library reports, in one list: names are stable, fields are ids, codes and numbers. No payload, no secret.
 *
 * Five levels: *count* (only counted), *debug*, *log* and *warn* (a line as well), *alarm* (a person should look: a
 * warning, and `onAlarm` is called).
 */
interface Ids {
  messageId: string;
  consumer: string;
}

/** One publish: of a message, or of the wish to give it up. */
interface Attempt {
  readonly type: string;
  readonly consumer: string;
  /** In which state the delivery was. */
  readonly state: string;
  readonly recordedAt: string;
  readonly tookMs: number;
}

/** One try of a consumer that came to no verdict. */
interface Tried extends Ids {
  readonly type: string;
  readonly tookMs: number;
  readonly attempt: number;
}

export type OutboxEvent =
  // recording and sending
  | { event: 'message.added'; type: string; messages: number; deliveries: number; handedOff: boolean }
  | ({ event: 'delivery.published'; outcome: string } & Attempt)
  | { event: 'delivery.lease-ran-short' }
  | ({ event: 'delivery.attempt-failed'; attempt: number; error: string } & Ids)
  | ({ event: 'delivery.overdue'; type: string; state: string; attempt: number } & Ids)
  | ({ event: 'delivery.cancelling' } & Ids)
  | ({ event: 'delivery.parked'; code: string; error: string | undefined } & Ids)
  // receipts
  | { event: 'receipt.applied'; consumer: string; verdict: string; type?: string; ageMs?: number }
  | { event: 'receipt.duplicate' }
  | ({ event: 'receipt.contradiction'; stored: string; received: string } & Ids)
  | ({ event: 'receipt.after-discard'; verdict: string } & Ids)
  | ({ event: 'receipt.unknown-delivery'; recent: boolean } & Ids)
  | ({ event: 'receipt.untrusted'; problem: string } & Ids)
  | ({ event: 'receipt.refused'; problem: string } & Ids)
  | { event: 'follow-up.done'; type: string; verdict: string }
  | ({ event: 'follow-up.failed'; type: string; verdict: string; where: string; attempt: number; error: string } & Ids)
  | ({ event: 'follow-up.missing'; type: string; verdict: string } & Ids)
  // consuming
  | ({ event: 'inbox.handled'; type: string; tookMs: number; verdict: string; reason?: string } & Ids)
  | { event: 'inbox.replayed'; type: string; tookMs: number }
  | { event: 'inbox.cancelled'; type: string; tookMs: number }
  | { event: 'inbox.twin-in-progress' }
  | ({ event: 'inbox.deferred'; error: string } & Tried)
  | ({ event: 'inbox.unprocessable'; code: string; problem: string } & Tried)
  | ({ event: 'inbox.collision'; source: string } & Ids)
  | ({ event: 'inbox.result-dropped'; type: string; problem: string } & Ids)
  | ({ event: 'inbox.reason-replaced'; type: string; problem: string } & Ids)
  | { event: 'inbox.group-undone'; consumer: string; type: string; members: number; cause: UndoneBy; error: string }
  | { event: 'inbox.not-handled-here'; type: string; where: string }
  | { event: 'inbox.malformed'; problem: string; messageId?: string; source?: string }
  | ({ event: 'inbox.quarantined'; problem: string } & Ids)
  // the machinery
  | { event: 'relay.batch'; step: 'claim' | 'mark' | 'close'; rows: number }
  | { event: 'relay.failed'; step: string; error: string }
  | { event: 'relay.paused'; target: string; since: string; by: string; reason: string }
  | { event: 'relay.resumed'; target: string }
  | { event: 'transport.ready'; transport: string }
  | { event: 'transport.not-ready'; transport: string }
  | { event: 'transport.trouble'; transport: string; problem: string; alarm?: boolean }
  | { event: 'transport.receipt-not-sent'; outcome: string }
  | { event: 'prune.done'; messages: number; inboxRows: number }
  | { event: 'pressure.high'; lagMs: number }
  | { event: 'pressure.normal'; lagMs: number }
  | { event: 'pressure.unknown'; error: string };

/** Of a group or batch: somebody in it rejected · somebody else wanted the same rows · anything else. */
type UndoneBy = 'rejected' | 'contention' | 'failed';

export type OutboxEventName = OutboxEvent['event'];

/** One line per delivery and attempt: an outage would drown the log. */
const DETAILED: readonly OutboxEventName[] = ['delivery.attempt-failed', 'delivery.cancelling', 'follow-up.missing'];
const WARNING: readonly OutboxEventName[] = [
  'follow-up.failed',
  'inbox.deferred',
  'inbox.result-dropped',
  'inbox.reason-replaced',
  'relay.failed',
  'relay.paused',
  'transport.not-ready',
  'transport.trouble',
  'pressure.high',
  'pressure.unknown',
];
const NEWS: readonly OutboxEventName[] = [
  'transport.ready',
  'relay.resumed',
  'pressure.normal',
  'inbox.not-handled-here',
];
const ALARMING: readonly OutboxEventName[] = [
  'delivery.parked',
  'delivery.overdue',
  'receipt.contradiction',
  'receipt.after-discard',
  'receipt.untrusted',
  'receipt.refused',
  'inbox.unprocessable',
  'inbox.collision',
  'inbox.malformed',
  'inbox.quarantined',
];

export function levelOf(event: OutboxEvent): 'count' | 'debug' | 'log' | 'warn' | 'alarm' {
  if (event.event === 'receipt.unknown-delivery') return event.recent ? 'alarm' : 'count';
  if (event.event === 'transport.trouble') return event.alarm ? 'alarm' : 'warn';
  if (event.event === 'inbox.unprocessable' && mayBecomeProcessable(event.code, event.attempt)) return 'warn';
  if (event.event === 'inbox.group-undone') return event.cause === 'failed' ? 'warn' : 'count';
  if (event.event === 'inbox.handled' && event.verdict === 'rejected') return 'log';
  if (ALARMING.includes(event.event)) return 'alarm';
  if (DETAILED.includes(event.event)) return 'debug';
  if (WARNING.includes(event.event)) return 'warn';
  return NEWS.includes(event.event) ? 'log' : 'count';
}
