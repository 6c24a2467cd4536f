import { OutboxError, type OutboxOperations } from '@tallystick/outbox';
import type { ActionRequest, ActionResult, BulkRequest, BulkVerb, PauseTarget, Target } from './page';

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
  const { verb, targets } = fieldsOf(sent);
  readVerb(verb);
  if (!Array.isArray(targets) || targets.length === 0 || targets.length > MOST || !targets.every(isTarget))
    throw new InvalidActionError(`targets must be 1 to ${MOST} of { id, to }.`);
  return { ...readChange(sent), targets };
}

/** The same of everything that a filter means; what a filter may say is for others to judge. @throws InvalidActionError */
export function readBulk(sent: unknown): BulkRequest {
  const { filter } = fieldsOf(sent);
  const asked = readChange(sent);
  if (typeof filter !== 'string' || filter.trim() === '')
    throw new InvalidActionError('filter must say which deliveries: without one it would be all there are.');
  return { ...asked, filter };
}

/** @throws InvalidActionError */
export function readVerb(verb: unknown): BulkVerb {
  if (VERBS.includes(verb as BulkVerb)) return verb as BulkVerb;
  throw new InvalidActionError(`verb must be one of ${VERBS.join(', ')}.`);
}

/** What is to be held back, and why. @throws InvalidActionError */
export function readPause(sent: unknown): PauseTarget & { readonly reason: string } {
  return { ...readTarget(sent), reason: reasonIn(sent) };
}

/** What is not to be held back any more; why is for who wants to say it. @throws InvalidActionError */
export function readResume(sent: unknown): PauseTarget & { readonly reason?: string } {
  const { reason } = fieldsOf(sent);
  return { ...readTarget(sent), ...(reason !== undefined && reason !== '' && { reason: reasonIn(sent) }) };
}

/** The id of a job. @throws InvalidActionError */
export function readJob(sent: unknown): string {
  const { id } = fieldsOf(sent);
  if (typeof id === 'string' && UUID.test(id)) return id;
  throw new InvalidActionError('id must be that of a job.');
}

function readChange(sent: unknown): Omit<BulkRequest, 'filter'> {
  const { deadline, force } = fieldsOf(sent);
  const verb = readVerb(fieldsOf(sent).verb);
  if (deadline !== undefined && (typeof deadline !== 'string' || !/^\d+(ms|s|m|h|d|w)$/.test(deadline)))
    throw new InvalidActionError('deadline must be a length of time, as 15m.');
  if (force !== undefined && typeof force !== 'boolean') throw new InvalidActionError('force must be true or false.');
  const asked = { ...(deadline !== undefined && { deadline }), ...(force !== undefined && { force }) };
  return { verb, reason: reasonIn(sent), ...asked };
}

function readTarget(sent: unknown): PauseTarget {
  const { to, type } = fieldsOf(sent);
  for (const [name, value] of Object.entries({ to, type }))
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > 255))
      throw new InvalidActionError(`${name} must be a name, or left out.`);
  return { ...(to !== undefined && { to: to as string }), ...(type !== undefined && { type: type as string }) };
}

function reasonIn(sent: unknown): string {
  const { reason } = fieldsOf(sent);
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= 500) return reason.trim();
  throw new InvalidActionError('reason must say why, in at most 500 characters: it is kept in the audit.');
}

function fieldsOf(sent: unknown): Readonly<Record<string, unknown>> {
  return (sent ?? {}) as Record<string, unknown>;
}

function isTarget(target: unknown): target is Target {
  const { id, to } = (target ?? {}) as Partial<Record<keyof Target, unknown>>;
  return typeof id === 'string' && UUID.test(id) && typeof to === 'string' && to !== '' && to.length <= 255;
}
