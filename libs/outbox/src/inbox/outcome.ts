import type { DeliveryKey } from '../message/delivery';
import { CANCEL_TYPE, type CancelEnvelope, type MessageEnvelope } from '../message/envelope';
import type { OutboxEvent } from '../message/events';
import { contentHash } from '../message/payload';
import { boundedReason, errorText, type Receipt, type UnprocessableCode } from '../message/receipt';
import type { InboxMessage, InboxRow, OutOfTime } from '../ports/store';

/** What came of a message here, before it is known whom to tell. */
export type Outcome =
  | { kind: 'verdict'; row: InboxRow; replayed: boolean }
  | { kind: 'unprocessable'; code: UnprocessableCode; problem: string }
  | { kind: 'deferred'; error: unknown }
  | { kind: 'twin' };

/** What came of a message that was not begun here: it is known, or out of its time. */
export function notBegun(
  message: InboxMessage,
  found: { kind: 'known'; row: InboxRow } | { kind: OutOfTime },
): Outcome {
  switch (found.kind) {
    case 'known':
      return replay(message, found.row);
    case 'EXPIRED':
    case 'CLOCK':
      return outOfTime(found.kind);
    default:
      return found satisfies never;
  }
}

/** A known row answers for the message, unless its producer used the id for another one before (R14). */
function replay(message: InboxMessage, row: InboxRow): Outcome {
  const sameContent = !row.payloadHash || !message.payloadHash || row.payloadHash.equals(message.payloadHash);
  if (sameContent) return { kind: 'verdict', row, replayed: true };
  return {
    kind: 'unprocessable',
    code: 'ID_COLLISION',
    problem: 'another message with this id was decided here: other type or content',
  };
}

function outOfTime(code: OutOfTime): Outcome {
  const problem = {
    EXPIRED:
      'recorded longer ago than the acceptance horizon, and no verdict is stored here (any more): check by hand whether it was executed',
    CLOCK: 'recorded more than an hour in the future: check the clocks of both databases',
  }[code];
  return { kind: 'unprocessable', code, problem };
}

/** What the producer is told. */
export function receiptOf(
  outcome: Exclude<Outcome, { kind: 'twin' }>,
  envelope: MessageEnvelope | CancelEnvelope,
  consumer: string,
): Receipt {
  const { messageId, recordedAt } = idOf(envelope);
  const answer = { messageId, consumer, attempt: envelope.attempt };
  switch (outcome.kind) {
    case 'verdict': {
      const { verdict, reason, result, receivedAt, payloadHash } = outcome.row;
      const given = {
        ...answer,
        recordedAt: receivedAt,
        ...(payloadHash && { payloadHash: payloadHash.toString('hex') }),
      };
      if (verdict === 'rejected') return { ...given, verdict, reason: reason ?? { code: 'UNKNOWN' } };
      // Whatever was accepted was seen; a row that says otherwise is refused by whoever reads the receipt.
      return { ...given, verdict, payloadHash: given.payloadHash ?? '', ...(result !== undefined && { result }) };
    }
    // Nothing was recorded here, so the message's own time and content stand in.
    case 'unprocessable': {
      const { reason } = boundedReason({ code: outcome.code, message: outcome.problem });
      return { ...answer, recordedAt, ...contentOf(envelope), verdict: 'unprocessable', reason };
    }
    case 'deferred': {
      const { reason } = boundedReason({ code: 'FAILED', message: errorText(outcome.error) });
      return { ...answer, recordedAt, ...contentOf(envelope), verdict: 'deferred', reason };
    }
    default:
      return outcome satisfies never;
  }
}

/** What is counted, logged or alarmed here. */
export function eventOf(
  outcome: Outcome,
  envelope: MessageEnvelope | CancelEnvelope,
  consumer: string,
  tookMs: number,
): OutboxEvent {
  const { messageId, type, source } = idOf(envelope);
  switch (outcome.kind) {
    case 'verdict':
      if (outcome.replayed) return { event: 'inbox.replayed', type, tookMs };
      if (envelope.kind === 'cancel') return { event: 'inbox.cancelled', type, tookMs };
      return handledEvent({ messageId, consumer, type, tookMs }, outcome.row);
    case 'twin':
      return { event: 'inbox.twin-in-progress' };
    case 'deferred': {
      const error = errorText(outcome.error);
      return { event: 'inbox.deferred', messageId, consumer, type, tookMs, attempt: envelope.attempt, error };
    }
    case 'unprocessable': {
      const { code, problem } = outcome;
      if (code === 'ID_COLLISION') return { event: 'inbox.collision', messageId, consumer, source };
      const { attempt } = envelope;
      return { event: 'inbox.unprocessable', messageId, consumer, type, tookMs, code, problem, attempt };
    }
    default:
      return outcome satisfies never;
  }
}

function contentOf(envelope: MessageEnvelope | CancelEnvelope): { payloadHash?: string } {
  if (envelope.kind === 'cancel') return {};
  return { payloadHash: contentHash(envelope.message.type, envelope.message.payload) };
}

function handledEvent(
  about: DeliveryKey & { readonly type: string; readonly tookMs: number },
  { verdict, reason }: InboxRow,
): OutboxEvent {
  return { event: 'inbox.handled', ...about, verdict, ...(reason && { reason: reason.code }) };
}

function idOf(envelope: MessageEnvelope | CancelEnvelope): {
  messageId: string;
  type: string;
  source: string;
  recordedAt: string;
} {
  if (envelope.kind === 'cancel') return { ...envelope, type: CANCEL_TYPE };
  const { id, type, source, recordedAt } = envelope.message;
  return { messageId: id, type, source, recordedAt };
}
