import type { DeliveryHistoryEntry, DeliveryRecord, DeliveryState, Occurrence } from '@tallystick/outbox';
import { wrapped } from './columns';
import type { InboxRow } from './database/questions';

/** A delivery, with what happened to it, and its other half if that was looked for. */
export interface Story {
  readonly record: DeliveryRecord;
  readonly history: readonly DeliveryHistoryEntry[];
  /** Undefined: nobody looked. */
  readonly inbox: readonly InboxRow[] | undefined;
}

interface Moment {
  /** Undefined: at no time. */
  readonly at?: string;
  readonly says: readonly string[];
}

const SAID: Readonly<Record<Occurrence, string>> = {
  'send-failed': 'sending failed',
  deferred: 'the consumer put it off',
  'follow-up-failed': 'its follow-up did not run to its end',
  'deadline-passed': 'its deadline passed: the consumer is asked to give it up',
  parked: 'parked',
  retried: 'retried',
  'cancel-requested': 'cancel requested',
  discarded: 'discarded',
  'late-verdict': 'a verdict came too late',
};

const ENDS: Partial<Record<DeliveryState, string>> = {
  completed: 'accepted: completed',
  compensated: 'rejected: compensated',
  delivered: 'delivered: nobody answers an announcement',
};

const TIME = '2026-01-01T00:00:00Z'.length;

/** All that happened, in order. The consumer's times are by its own database's clock. */
export function timeline({ record, history, inbox }: Story): string[] {
  const { state, recordedAt, sentAt, settledAt } = record;
  const end = ENDS[state];
  const moments: Moment[] = [
    { at: recordedAt, says: ['recorded'] },
    ...history.map(happened),
    ...(sentAt === undefined ? [] : [{ at: sentAt, says: [sent(record, history)] }]),
    ...(inbox ?? []).map(decided),
    ...(settledAt === undefined || end === undefined ? [] : [{ at: settledAt, says: [end] }]),
  ];
  moments.sort((one, other) => (one.at! < other.at! ? -1 : 1));
  if (inbox?.length === 0) moments.push({ says: [`${record.consumer} has nothing of it in its inbox`] });
  return moments.flatMap(lines);
}

function happened(entry: DeliveryHistoryEntry, index: number, all: readonly DeliveryHistoryEntry[]): Moment {
  const { what, number, since, at, times, by, code, why } = entry;
  const missing = number - (all[index - 1]?.number ?? 0) - 1;
  const again = times === 1 ? '' : `, ${times} times until ${short(at)}`;
  return {
    at: since,
    says: [
      ...(missing > 0 ? [`(${missing} steps before this one were not kept)`] : []),
      `${SAID[what]}${by === undefined ? '' : ` by ${by}`}${again}`,
      ...[why ?? code].filter((text) => text !== undefined),
    ],
  };
}

/** Attempts are counted anew when the delivery goes over to something else. */
function sent({ attempts }: DeliveryRecord, history: readonly DeliveryHistoryEntry[]): string {
  const countsSomethingElse = history.some(({ what }) =>
    ['follow-up-failed', 'deadline-passed', 'cancel-requested'].includes(what),
  );
  return attempts > 1 && !countsSomethingElse
    ? `sent, at try ${attempts}; the transport confirmed it`
    : 'sent; the transport confirmed it';
}

function decided({ consumer, receivedAt, verdict, reason }: InboxRow): Moment {
  return {
    at: receivedAt,
    says: [`${consumer} decided: ${verdict}`, ...(reason === null ? [] : [JSON.stringify(reason)])],
  };
}

function lines({ at, says }: Moment): string[] {
  const [first, ...more] = says.flatMap((text) => wrapped(text, ' '.repeat(TIME + 2)));
  return [`${at === undefined ? ' '.repeat(TIME) : short(at)}${first!.slice(TIME)}`, ...more];
}

function short(instant: string): string {
  return `${instant.slice(0, TIME - 1)}Z`;
}
