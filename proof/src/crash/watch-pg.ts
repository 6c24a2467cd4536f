import { Client } from 'pg';
import { reach } from './halt';
import { after, before, nameOf } from './steps';

/** What passes between a process and PostgreSQL: `pg`'s queries, wrapped. A statement is a step. */

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
    for (const each of statements) each.callback = watched(this, nameOf(each.config.text), each.callback);
    return query.apply(this, args);
  }
  const statement = nameOf(textOf(args[0]));
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

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : String((config as { text?: string } | undefined)?.text ?? '');
}
