import type { Client, ClientConfig, QueryResult } from 'pg';
import { classesOfPg } from '../../../transactions';
import { Flight, type Runway, Statement, type StatementConfig } from './flight';
import { Names } from './names';
import { begins, ends, forgetsNames, setsTransaction, tagOf, travelsAlone, undoes } from './texts';
import { Recorder, type WireConnection, WireQuery } from './wire';

/** What is used of the client beyond its type. */
interface Internals {
  readonly connection: WireConnection;
  readonly connectionParameters: { readonly query_timeout?: number | false };
  readonly pipeline?: boolean;
  readonly binary?: boolean;
  /** True while nothing is asked: not from an error on until the server is ready again. */
  readonly readyForQuery?: boolean;
  readonly _queryQueue?: readonly unknown[];
  readonly queryQueue?: readonly unknown[];
}

/** The pool's own options: what is set here later holds for all of its connections, those that are open too. */
interface Config extends ClientConfig {
  namedStatements?: boolean;
}

/** For the library only. */
export interface Holding {
  /**
   * Sends the statement, in its place, with whatever is sent next on this connection, and answers when that is answered. A
   * ROLLBACK that undoes it at once goes without it; it fails then. Undefined if it cannot be held: ask as usual.
   */
  hold(config: StatementConfig): Promise<QueryResult> | undefined;
}

type Release = (destroy?: Error | boolean) => void;

/** A connection that was heard of so lately is taken to be alive. To another one BEGIN is sent, and its answer awaited. */
const ALIVE_MS = 1_000;

/**
 * `pg`'s client, with fewer round trips: `extra: { Client: OutboxClient }` in the options of TypeORM's DataSource, or
 * `Client` in those of a `pg` pool.
 *
 * - BEGIN is answered at once and sent with the first statement. A transaction in which nothing was asked is never sent.
 * - What the library adds to a transaction is held and sent, in its place, with the next statement, most often COMMIT.
 * - A text that comes again is prepared by name, which saves PostgreSQL the parsing, and most of the planning. Not with
 *   `namedStatements: false` (in the options of `OutboxModule`, or beside `Client`), nor once a pooler has lost a name.
 *
 * Whatever is not a text with values goes to `pg` as it is (cursors, streams, COPY, callbacks, names of your own, several
 * statements in one text, …), after what was held. The same with a `query_timeout`, `pipeline` or `binary` of the connection.
 *
 * What is different: `now()` in a transaction is the time of its first statement; a BEGIN that fails tells so in its place;
 * a stale plan (0A000) fails once and not for ever.
 */
class HoldingClient extends classesOfPg().Client implements Holding {
  readonly #config: Config;
  readonly #names = new Names();
  readonly #recorder: Recorder;
  readonly #runway: Runway;
  /** Answered or awaited, and not sent. BEGIN, if it is among them, comes first. */
  #held: Statement[] = [];
  #status: string | null = null;
  #heardAt = 0;
  #release: Release | undefined;

  constructor(config?: string | ClientConfig) {
    super(config);
    this.#config = typeof config === 'object' ? config : {};
    this.#recorder = new Recorder(this.#pg.connection);
    this.#runway = {
      names: () => (this.#config.namedStatements === false ? undefined : this.#names),
      isOutside: () => this.#status === 'I',
      noteStale: (text, code) => this.#noteStale(text, code),
      sendInstead: (statements) => this.#sendInstead(statements),
    };
    this.#pg.connection.on('readyForQuery', ({ status }) => {
      this.#status = status;
      this.#heardAt = performance.now();
    });
    this.on('end', () => this.#fail(this.#takeHeld(), new Error('Connection terminated')));
  }

  /** Returns what `pg` does, which is as manifold as what it takes; its type says so of the exported class. */
  override query(...args: unknown[]): never {
    return this.#answer(args) as never;
  }

  hold(config: StatementConfig): Promise<QueryResult> | undefined {
    if (this.#isPlain || !this.#isIdle || this.getTransactionStatus() !== 'T') return undefined;
    return new Promise((resolve, reject) => this.#held.push(new Statement(config, this, resolve, reject)));
  }

  /** As `pg` answers; 'T' from BEGIN on, sent or not. */
  getTransactionStatus(): string | null {
    const [first] = this.#held;
    return first && isBeginning(first) ? 'T' : this.#status;
  }

  /** Set by the pool, for whoever has the client. With something held it is not taken back. */
  get release(): Release | undefined {
    return this.#release;
  }

  set release(release: Release | undefined) {
    this.#release = release && ((destroy) => release(destroy || this.#abandoned()));
  }

  #answer(args: unknown[]): unknown {
    const statement = this.#isPlain ? undefined : ordinary(args);
    if (!statement) return this.#past(args);
    return statement.values ? this.#fly(statement) : this.#withoutValues(statement.text, args);
  }

  #withoutValues(text: string, args: unknown[]): unknown {
    if (undoes(text)) this.#dropAdded();
    if (this.#held.length === 0) return this.#canHold(text) ? this.#holdBack(text) : this.#past(args);
    if (this.#held.every(isBeginning)) {
      if (setsTransaction(text)) return this.#holdBack(text);
      if (ends(text)) return this.#never(text);
    }
    return travelsAlone(text) ? this.#past(args) : this.#fly({ text, named: ends(text) });
  }

  /** Behind everything that is held, in the same write. */
  #fly(config: StatementConfig): Promise<QueryResult> {
    const answer = new Promise<QueryResult>((resolve, reject) => {
      this.#send([...this.#takeHeld(), new Statement(config, this, resolve, reject)]);
    });
    return answer.catch((error: Error) => {
      // As pg does: else it would lead to the socket, and not to who asked.
      Error.captureStackTrace(error);
      throw error;
    });
  }

  /** As `pg` does it, behind everything that is held. */
  #past(args: unknown[]): unknown {
    if (this.#held.length > 0) this.#send(this.#takeHeld());
    if (forgetsNames(textOf(args))) this.#names.forgetAll();
    return super.query(...(args as [string]));
  }

  #send(statements: Statement[]): void {
    super.query(new Flight(statements, this.#recorder, this.#runway));
    // Until the server tells: an error can reach who asked before the status does, which would still be the one before BEGIN.
    if (isBeginning(statements[0]!)) this.#status = 'T';
  }

  /** BEGIN, and what it is to be like. */
  #canHold(text: string): boolean {
    const alive = this.#pg.connection.stream.writable && performance.now() - this.#heardAt < ALIVE_MS;
    return alive && this.#isIdle && this.#status === 'I' && begins(text);
  }

  #holdBack(text: string): Promise<QueryResult> {
    this.#held.push(this.#unheard(text));
    return Promise.resolve(answered(text));
  }

  /** Nothing was asked between BEGIN and this end. */
  #never(text: string): Promise<QueryResult> {
    this.#held = [];
    return Promise.resolve(answered(text));
  }

  /** Its caller has the answer already. If it fails all the same, nothing may run outside of what he believes to be in. */
  #unheard(text: string): Statement {
    const destroy = (): void => this.#pg.connection.stream.destroy();
    return new Statement({ text, named: true }, this, () => {}, destroy);
  }

  #dropAdded(): void {
    if (this.#held.length === 0) return;
    const added = this.#held.filter((statement) => !isBeginning(statement));
    this.#held = this.#held.filter(isBeginning);
    this.#fail(added, new Error('It was rolled back before it was sent'));
  }

  #abandoned(): Error | undefined {
    if (this.#held.length === 0) return undefined;
    const error = new Error('The connection was given back in the middle of a transaction');
    this.#fail(this.#takeHeld(), error);
    return error;
  }

  #fail(statements: readonly Statement[], error: Error): void {
    for (const statement of statements) statement.callback(error);
  }

  #takeHeld(): Statement[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  #noteStale(text: string, code: string): void {
    if (code === '0A000') return this.#names.forget(text);
    // Once is enough: this one failed, and each that follows would.
    this.#config.namedStatements = false;
    this.#names.forgetAll();
  }

  #sendInstead(statements: Statement[]): boolean {
    if (this.#queued > 0) return false;
    const begun = isBeginning(statements[0]!);
    this.#send(begun ? [this.#unheard('ROLLBACK'), ...statements] : statements);
    return true;
  }

  get #isIdle(): boolean {
    return this.#pg.readyForQuery === true && this.#queued === 0;
  }

  get #queued(): number {
    // The second name is that of versions which do not warn of its use.
    return (this.#pg._queryQueue ?? this.#pg.queryQueue)!.length;
  }

  /** Asked for something that one query of one round trip is not. */
  get #isPlain(): boolean {
    const { connectionParameters, pipeline, binary } = this.#pg;
    return Boolean(connectionParameters.query_timeout || pipeline || binary);
  }

  get #pg(): Internals {
    return this as unknown as Internals;
  }
}

export const OutboxClient: typeof Client = HoldingClient;

/** The client is one that holds statements, whichever copy of this library it comes from. */
export function canHold(client: object): client is Holding {
  return 'hold' in client;
}

/** What is added to a transaction has values; what says how it begins has none. */
function isBeginning({ config }: Statement): boolean {
  return config.values === undefined;
}

/** What `pg` answers to a statement that the server is not asked. */
function answered(text: string): QueryResult {
  const query = new WireQuery(text);
  query.handleCommandComplete({ text: tagOf(text) });
  return query._result;
}

const ORDINARY = ['text', 'values', 'types', 'named'];

/** Nothing but a text, and perhaps values; undefined: something else. */
function ordinary([query, values, callback]: unknown[]): StatementConfig | undefined {
  if (callback !== undefined || !(values === undefined || values === null || Array.isArray(values))) return undefined;
  if (typeof query === 'string') return query === '' ? undefined : { text: query, values: filled(values) };
  if (typeof query !== 'object' || query === null) return undefined;
  const config = query as StatementConfig & Readonly<Record<string, unknown>>;
  const { text, types, named } = config;
  for (const key in config) if (config[key] !== undefined && !ORDINARY.includes(key)) return undefined;
  if (typeof text !== 'string' || text === '') return undefined;
  if (!(config.values === undefined || Array.isArray(config.values))) return undefined;
  return { text, values: filled(values ?? config.values), types, named };
}

function textOf([query]: unknown[]): string {
  return String(typeof query === 'string' ? query : (query as { text?: unknown } | undefined)?.text);
}

function filled(values: unknown[] | undefined | null): unknown[] | undefined {
  return values?.length ? values : undefined;
}
