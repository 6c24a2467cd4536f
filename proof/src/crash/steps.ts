import { reach } from './halt';
import type { Point } from './points';

/**
 * The steps of a message by the names of PostgreSQL's statements, each of which is one. What the steps are in another
 * database is for its preload to say.
 */

/** The library's statements carry their names; those of the rig and of the driver are told by how they begin. */
export function nameOf(text: string): string {
  const named = / -- ([\w.-]+)$/.exec(text)?.[1];
  if (named) return named;
  if (/^(begin|start transaction)/i.test(text)) return 'begin';
  if (/^commit/i.test(text)) return 'commit';
  if (text.startsWith('update account set balance = balance -')) return 'debit';
  if (text.startsWith('create table if not exists')) return 'create table';
  if (text.startsWith('insert into orders')) return 'order';
  if (text.startsWith('insert into movement')) return 'movement';
  return text.slice(0, 40);
}

/** Where a process is that is about to send this. @param done what it has sent in this transaction */
export function before(statement: string, done: ReadonlySet<string>): Point | undefined {
  if (statement === 'outbox.mark') return 'before a mark';
  if (['outbox.close-many', 'outbox.close-one'].includes(statement)) return 'before receipts are applied in a batch';
  if (['outbox.close-and-take', 'outbox.close-one-and-take'].includes(statement))
    return 'before a receipt closes one, and the next one is taken';
  if (statement === 'outbox.next-turn') return 'before a look whose turn it is';
  if (statement === 'inbox.reject') return 'before a rejection is stored';
  if (statement !== 'commit') return undefined;
  if (done.has('outbox.add-one') || done.has('outbox.add-many')) return 'before the commit of a recording';
  if (done.has('outbox.add-ordered')) return 'before the commit of a recording in line';
  if (done.has('inbox.begin')) return 'before the commit of a verdict';
  if (done.has('inbox.begin-many')) return 'before the commit of a batch';
  if (done.has('create table')) return 'before the commit of a migration';
  return done.has('outbox.close') ? 'before the commit of a follow-up' : undefined;
}

/** Where it is when that was answered. @param rows how many the answer is about */
export function after(statement: string, done: ReadonlySet<string>, rows: number): Point | undefined {
  switch (statement) {
    case 'create table':
      return 'migrating';
    case 'debit':
      return 'debited';
    case 'outbox.add-one':
    case 'outbox.add-many':
      return 'recorded';
    case 'outbox.add-ordered':
      return 'recorded in line';
    case 'outbox.next-turn':
      return rows > 0 ? 'next one let go by a look' : undefined;
    // Those that it closes are among them, and those that it takes.
    case 'outbox.close-and-take':
    case 'outbox.close-one-and-take':
      return rows > 1 ? 'closed, and the next one taken' : undefined;
    case 'outbox.discard':
      return rows > 0 ? 'discarded, and the next one not looked for' : undefined;
    case 'outbox.claim':
      return rows > 0 ? 'claimed' : undefined;
    case 'outbox.mark':
      return 'marked';
    case 'inbox.begin':
      return 'inbox row inserted';
    case 'inbox.begin-many':
      return rows > 1 ? 'inbox rows of a batch inserted' : undefined;
    case 'order':
      return done.has('inbox.begin-many') ? 'handled in a batch' : 'handled';
    case 'inbox.reject':
      return 'rejection stored';
    case 'outbox.close-many':
    case 'outbox.close-one':
      return rows > 0 ? 'receipts applied in a batch' : undefined;
    case 'outbox.close':
      return 'row closed';
    case 'movement':
      return done.has('outbox.close') ? 'followed up' : undefined;
    case 'outbox.prune':
      return rows > 0 ? 'outbox pruned' : undefined;
    case 'inbox.prune':
      return rows > 0 ? 'inbox pruned' : undefined;
    case 'commit':
      reach(inBundle(done));
      // Armed where all that is recorded is in line.
      if (done.has('outbox.close')) reach('after the commit of a follow-up in line');
      if (done.has('outbox.add-one') || done.has('outbox.add-many')) return 'after the commit of a recording';
      if (done.has('outbox.add-ordered')) return 'after the commit of a recording in line';
      if (done.has('inbox.begin')) return 'after the commit of a verdict';
      if (done.has('inbox.begin-many')) return 'after the commit of a batch';
      if (done.has('create table')) return 'after the commit of a migration';
      return done.has('outbox.close') ? 'after the commit of a follow-up' : undefined;
    default:
      return undefined;
  }
}

/** Bundles that were delivered here and are not acknowledged: of messages, and of receipts. */
export const inHand = { messages: new Set<object>(), receipts: new Set<object>() };

/** The first commit of several. */
function inBundle(done: ReadonlySet<string>): Point | undefined {
  const verdict = done.has('inbox.begin') || done.has('inbox.begin-many');
  if (verdict && inHand.messages.size > 0) return 'one of a bundle committed';
  return done.has('outbox.close') && inHand.receipts.size > 0 ? 'one of a bundle of receipts applied' : undefined;
}
