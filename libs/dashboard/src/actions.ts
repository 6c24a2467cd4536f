import { OutboxError, type OutboxOperations } from '@tallystick/outbox';
import type { ActionRequest, ActionResult, Target, BulkVerb } from './page';

/** As many as the table shows. */
const MOST = 50;

/** An action that cannot be meant as it was sent. */
export class InvalidActionError extends Error {}

/**
 * Does one thing to each of the deliveries that somebody chose, each by its own guarded transition: one that has moved meanwhile
 * is refused and told of, the others are done. Every one that changes is in the audit, with `by`.
 */
export async function act(operations: OutboxOperations, request: ActionRequest, by: string): Promise<ActionResult> {
  const refused: { target: Target; why: string }[] = [];
  let changed = 0;
  for (const target of request.targets) {
    try {
      await one(operations, request, target, by);
      changed += 1;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      refused.push({ target, why: error.message });
    }
  }
  return { changed, refused };
}

async function one(
  operations: OutboxOperations,
  request: ActionRequest,
  { id, to }: Target,
  by: string,
): Promise<void> {
  const { verb, reason, deadline, force = false } = request;
  switch (verb) {
    case 'retry':
      await operations.retry(id, { to, by, reason, ...(deadline !== undefined && { deadline: deadline as never }) });
      return;
    case 'cancel':
      return operations.cancel(id, { to, by, reason });
    case 'discard':
      await operations.discard(id, reason, { to, by, force });
      return;
    default:
      verb satisfies never;
  }
}

const VERBS: readonly BulkVerb[] = ['retry', 'cancel', 'discard'];
/** Of a message. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What was sent, if it can be meant. @throws InvalidActionError */
export function readAction(sent: unknown): ActionRequest {
  const { verb, targets, reason, deadline, force } = (sent ?? {}) as Partial<Record<keyof ActionRequest, unknown>>;
  if (!VERBS.includes(verb as BulkVerb)) throw new InvalidActionError(`verb must be one of ${VERBS.join(', ')}.`);
  if (!Array.isArray(targets) || targets.length === 0 || targets.length > MOST || !targets.every(isTarget))
    throw new InvalidActionError(`targets must be 1 to ${MOST} of { id, to }.`);
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > 500)
    throw new InvalidActionError('reason must say why, in at most 500 characters: it is kept in the audit.');
  if (deadline !== undefined && (typeof deadline !== 'string' || !/^\d+(ms|s|m|h|d|w)$/.test(deadline)))
    throw new InvalidActionError('deadline must be a length of time, as 15m.');
  if (force !== undefined && typeof force !== 'boolean') throw new InvalidActionError('force must be true or false.');
  return { verb, targets, reason: reason.trim(), deadline, force } as ActionRequest;
}

function isTarget(target: unknown): target is Target {
  const { id, to } = (target ?? {}) as Partial<Record<keyof Target, unknown>>;
  return typeof id === 'string' && UUID.test(id) && typeof to === 'string' && to !== '' && to.length <= 255;
}
