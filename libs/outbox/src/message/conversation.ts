import { AsyncLocalStorage } from 'node:async_hooks';
import { CAUSATION_HEADER, CORRELATION_HEADER } from './envelope';
import type { RecordedMessage } from './delivery';
import { traceOf } from './trace';

const handled = new AsyncLocalStorage<RecordedMessage>();

/** Runs a handler so that messages added inside know which message caused them. */
export function inConversation<T>(message: RecordedMessage, work: () => Promise<T>): Promise<T> {
  return handled.run(message, work);
}

/** Headers of a message added now: the conversation goes on (CloudEvents correlation and causation, W3C trace context). */
export function conversationHeaders(): Record<string, string> {
  const cause = handled.getStore();
  if (!cause) return {};
  return {
    [CORRELATION_HEADER]: cause.headers[CORRELATION_HEADER] ?? cause.id,
    [CAUSATION_HEADER]: cause.id,
    ...traceOf(cause.headers),
  };
}
