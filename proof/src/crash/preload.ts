/**
 * Loaded before a process of the rig (`node --require`), instead of fault hooks in the product: it wraps what every step
 * goes through, `pg`'s queries and amqplib's channels, and recognises a step by the name that each of the library's
 * statements carries in its text. The process that reaches the armed point first stops itself, all of it, right there,
 * until somebody continues or kills it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Client } from 'pg';
import { ARMED, DIRECTORY_VARIABLE, HIT, type Point } from './points';

const directory = process.env[DIRECTORY_VARIABLE]!;

function reach(point: Point | undefined): void {
  if (point === undefined) return;
  try {
    if (readFileSync(join(directory, ARMED), 'utf8') !== point) return;
    renameSync(join(directory, ARMED), join(directory, `${HIT}.${process.pid}`)); // one process gets it
  } catch {
    return; // nothing is armed, or somebody was faster
  }
  writeFileSync(join(directory, `${HIT}.${process.pid}`), String(process.pid));
  renameSync(join(directory, `${HIT}.${process.pid}`), join(directory, HIT));
  process.kill(process.pid, 'SIGSTOP');
}

/** What a connection has done in its open transaction: it tells the commits apart. */
const transactions = new WeakMap<object, Set<string>>();

type Callback = (error: unknown, result?: { rowCount: number | null }) => void;
type Query = (...args: unknown[]) => Promise<{ rowCount: number | null }> | undefined;

/** What an `OutboxClient` sends in one write: its own queries, each with a callback. */
interface Flight {
  readonly statements: { readonly config: { text: string }; callback: Callback }[];
}

const query = Client.prototype.query as unknown as Query;
Client.prototype.query = function (this: Client, ...args: unknown[]) {
  const { statements } = Object(args[0]) as Partial<Flight>;
  if (statements) {
    for (const each of statements) each.callback = watched(this, nameOf(each.config), each.callback);
    return query.apply(this, args);
  }
  const statement = nameOf(args[0]);
  const done = begun(this, statement);
  const answered = (rowCount: number | null | undefined): void => reach(after(statement, done, rowCount ?? 0));
  const wrapped = args.map((arg) => {
    if (typeof arg !== 'function') return arg;
    return (error: unknown, result?: { rowCount: number | null }) => {
      if (error == null) answered(result?.rowCount);
      (arg as Callback)(error, result);
    };
  });
  const promise = query.apply(this, wrapped);
  return (
    promise?.then?.((result) => {
      answered(result.rowCount);
      return result;
    }) ?? promise
  );
} as never;

/** Notes that it is about to be sent. */
function begun(client: object, statement: string): ReadonlySet<string> {
  const done = transactions.get(client) ?? new Set();
  if (statement === 'begin') done.clear();
  transactions.set(client, done.add(statement));
  reach(before(statement, done));
  return done;
}

function watched(client: object, statement: string, callback: Callback): Callback {
  // As it is now: what follows in the same flight is not done when this is answered.
  const done = new Set(begun(client, statement));
  return (error, result) => {
    if (error == null) reach(after(statement, done, result?.rowCount ?? 0));
    callback(error, result);
  };
}

function nameOf(config: unknown): string {
  const text = typeof config === 'string' ? config : String((config as { text?: string } | undefined)?.text ?? '');
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

function before(statement: string, done: ReadonlySet<string>): Point | undefined {
  if (statement === 'outbox.settle') return 'before a settlement';
  if (statement === 'outbox.close-many') return 'before receipts are applied in a batch';
  if (statement === 'outbox.close-and-take') return 'before a receipt closes one, and the next one is taken';
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

function after(statement: string, done: ReadonlySet<string>, rows: number): Point | undefined {
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
      return rows > 1 ? 'closed, and the next one taken' : undefined;
    case 'outbox.discard':
      return rows > 0 ? 'discarded, and the next one not looked for' : undefined;
    case 'outbox.claim':
      return rows > 0 ? 'claimed' : undefined;
    case 'outbox.settle':
      return 'settled';
    case 'inbox.begin':
      return 'inbox row inserted';
    case 'inbox.begin-many':
      return rows > 1 ? 'inbox rows of a batch inserted' : undefined;
    case 'order':
      return done.has('inbox.begin-many') ? 'handled in a batch' : 'handled';
    case 'inbox.reject':
      return 'rejection stored';
    case 'outbox.close-many':
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
const inHand = { messages: new Set<object>(), receipts: new Set<object>() };

/** The first commit of several. */
function inBundle(done: ReadonlySet<string>): Point | undefined {
  const verdict = done.has('inbox.begin') || done.has('inbox.begin-many');
  if (verdict && inHand.messages.size > 0) return 'one of a bundle committed';
  return done.has('outbox.close') && inHand.receipts.size > 0 ? 'one of a bundle of receipts applied' : undefined;
}

interface ChannelClass {
  readonly prototype: {
    publish(
      exchange: string,
      key: string,
      body: Buffer,
      options: { readonly type?: string },
      confirmed: (error: unknown) => void,
    ): boolean;
    consume(queue: string, take: (message: Delivered | null) => void, options?: object): Promise<unknown>;
    ack(message: Delivered, allUpTo?: boolean): void;
    nack(message: Delivered, allUpTo?: boolean, requeue?: boolean): void;
  };
}

interface Delivered {
  readonly fields: { readonly deliveryTag: number };
  readonly properties: { readonly type?: string };
}

const BUNDLE = 'outbox.bundle';

const { Channel, ConfirmChannel } = createRequire(__filename)('amqplib/lib/channel_model') as {
  readonly Channel: ChannelClass;
  readonly ConfirmChannel: ChannelClass;
};
const { consume, ack, nack } = Channel.prototype;
const { publish } = ConfirmChannel.prototype;

/** What each channel has delivered and not acknowledged: an acknowledgement may stand for several. */
const unacknowledged = new WeakMap<object, { readonly receipts: boolean; readonly messages: Set<Delivered> }>();

ConfirmChannel.prototype.publish = function (exchange, key, body, options, confirmed) {
  const receipt = exchange.endsWith('.receipts');
  const bundle = options.type === BUNDLE;
  if (!receipt) reach('before a publish');
  const written = publish.call(this, exchange, key, body, options, (error) => {
    if (error == null) reach(receipt ? 'receipt confirmed' : 'confirmed');
    if (error == null && bundle) reach(receipt ? 'bundle of receipts confirmed' : 'bundle confirmed');
    confirmed(error);
  });
  reach(receipt ? 'receipt published' : 'published');
  if (bundle) reach(receipt ? 'bundle of receipts published' : 'bundle published');
  return written;
};

Channel.prototype.consume = function (queue, take, options) {
  const receipts = queue.endsWith('.receipts');
  const messages = new Set<Delivered>();
  unacknowledged.set(this, { receipts, messages });
  const taking = (message: Delivered | null): void => {
    if (message) {
      messages.add(message);
      reach(receipts ? 'receipt delivered' : 'delivered');
    }
    if (message?.properties.type === BUNDLE) {
      inHand[receipts ? 'receipts' : 'messages'].add(message);
      reach(receipts ? 'bundle of receipts delivered' : 'bundle delivered');
    }
    take(message);
  };
  return consume.call(this, queue, taking, options);
};

Channel.prototype.ack = function (message, allUpTo = false) {
  ack.call(this, message, allUpTo);
  const { receipts, messages } = unacknowledged.get(this)!;
  const { deliveryTag } = message.fields;
  const done = [...messages].filter(
    ({ fields }) => fields.deliveryTag === deliveryTag || (allUpTo && fields.deliveryTag < deliveryTag),
  );
  for (const each of done) messages.delete(each);
  reach(receipts ? 'receipt acknowledged' : 'acknowledged');
  const bundles = inHand[receipts ? 'receipts' : 'messages'];
  if (done.filter((each) => bundles.delete(each)).length > 0)
    reach(receipts ? 'bundle of receipts acknowledged' : 'bundle acknowledged');
};

Channel.prototype.nack = function (message, ...how) {
  unacknowledged.get(this)!.messages.delete(message);
  for (const bundles of Object.values(inHand)) bundles.delete(message);
  nack.call(this, message, ...how);
};

/** Pruning comes round once a minute; here nobody has that long. */
const PRUNE_EVERY_MS = 60_000;
const { setTimeout: later } = globalThis;
globalThis.setTimeout = Object.assign(
  ((callback: () => void, ms?: number, ...args: []) =>
    later(callback, ms === PRUNE_EVERY_MS ? 1_000 : ms, ...args)) as typeof setTimeout,
  later, // util.promisify finds its own version there
);
