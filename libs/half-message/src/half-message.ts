import { createHash } from 'node:crypto';

/** A message that nobody can see yet. */
export interface HalfMessage {
  /** A UUID: that of the message it becomes. */
  readonly id: string;
  readonly type: string;
  /** JSON text, as it will be recorded. */
  readonly payload: string;
}

/** Names its content: what was decided about one content says nothing about another that comes under the same id. */
export function contentOf({ type, payload }: HalfMessage): string {
  return createHash('sha256').update(type).update('\0').update(payload).digest('hex');
}
