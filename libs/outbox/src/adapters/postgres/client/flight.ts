import type { CustomTypesConfig, QueryResult } from 'pg';
import type { Names, Prepared } from './names';
import { type Answered, Recorder, WireQuery, type WireConnection } from './wire';

export interface StatementConfig {
  readonly text: string;
  readonly values?: unknown[];
  readonly types?: CustomTypesConfig;
  /** By a name that the server keeps it parsed under: from the first time on, never, or (not given) from the second on. */
  readonly named?: boolean;
}

/** One statement of a flight: `pg`'s own query, which knows how to write itself and how to read its answer. */
export class Statement extends WireQuery {
  prepared: Prepared | undefined;
  /** This flight asks the server to parse it by name. */
  parsing = false;
  settled = false;

  constructor(
    readonly config: StatementConfig,
    /** Reads its rows, unless the statement has something else for that. */
    private readonly types: CustomTypesConfig,
    private readonly resolve: (result: QueryResult) => void,
    private readonly reject: (error: Error) => void,
  ) {
    // Not as one object, which `pg` would copy property by property.
    super(config.text, config.values);
    this._result._types = config.types ?? types;
    this.callback = (error, result) => {
      if (this.settled) return;
      this.settled = true;
      if (error) reject(error);
      else resolve(result!);
    };
  }

  /** Asked by `prepare`. */
  hasBeenParsed(): boolean {
    return this.prepared?.parsed === true;
  }

  record(recorder: Recorder, names: Names | undefined): void {
    const { text, named } = this.config;
    this.prepared = named === false ? undefined : names?.of(text, named === true);
    this.name = this.prepared?.name;
    recorder.describing = this.prepared?.fields === undefined;
    if (this.prepared?.fields?.length) this.handleRowDescription({ fields: this.prepared.fields });
    this.parsing = this.prepared?.parsed === false;
    recorder.record(this);
    if (this.parsing) this.prepared!.parsed = true;
    // A value that cannot be written: `pg` has told the caller, and closes the statement.
    if (this.settled) names?.forget(text);
  }

  /** The same, for the same caller, as it was before it was sent; without a name. */
  again(): Statement {
    return new Statement({ ...this.config, named: false }, this.types, this.resolve, this.reject);
  }
}

/** What a flight knows of the connection it is on. */
export interface Runway {
  /** Undefined: no names are used (any more). */
  names(): Names | undefined;
  /** No transaction is open: what is sent now is the whole of it. */
  isOutside(): boolean;
  /** A name did not mean to the server what it should. */
  noteStale(text: string, code: string): void;
  /** Sends these instead, before anything else. False: something else was asked already. */
  sendInstead(statements: Statement[]): boolean;
}

/**
 * 0A000: the plan was made for other columns. 26000 and 42P05: the server does not know the name, or knows it already, for
 * it is not the session that was asked before.
 */
const STALE = ['0A000', '26000', '42P05'];

/**
 * Statements that leave in one write, with one Sync, and are answered together. If one fails, PostgreSQL skips those behind
 * it up to the Sync: they fail with the same error. Results are given out when the server is ready for more, as `pg` does.
 */
export class Flight implements Answered {
  private at = 0;
  private whole = false;

  constructor(
    private readonly statements: readonly Statement[],
    private readonly recorder: Recorder,
    private readonly runway: Runway,
  ) {}

  submit(): null {
    this.whole = this.runway.isOutside();
    const names = this.runway.names();
    this.recorder.close(names?.takeClosing() ?? []);
    for (const statement of this.statements) statement.record(this.recorder, names);
    this.recorder.send();
    return null;
  }

  handleRowDescription(message: Parameters<Answered['handleRowDescription']>[0]): void {
    const { current } = this;
    if (current.prepared) current.prepared.fields = message.fields;
    current.handleRowDescription(message);
  }

  handleDataRow(message: object): void {
    this.current.handleDataRow(message);
  }

  handleCommandComplete(message: { text: string }, connection: WireConnection): void {
    const { current } = this;
    if (current.prepared) current.prepared.fields ??= [];
    current.handleCommandComplete(message, connection);
    this.at += 1;
  }

  handleEmptyQuery(connection: WireConnection): void {
    this.current.handleEmptyQuery(connection);
    this.at += 1;
  }

  /** The server reads no Sync until it has its data, or is told that there are none; then it waits for another one. */
  handleCopyInResponse(connection: WireConnection): void {
    connection.sendCopyFail('No source stream defined');
    connection.sync();
  }

  handleCopyData(): void {}

  handlePortalSuspended(): void {}

  handleReadyForQuery(connection: WireConnection): void {
    for (const statement of this.statements) statement.handleReadyForQuery(connection);
  }

  /** From the server, or because the connection is lost: then nothing of the flight is certain. */
  handleError(error: Error & { severity?: string; code?: string }, connection: WireConnection): void {
    // Of none in particular if all are done: then it is the end of an implicit transaction that failed.
    const failed = error.severity === undefined ? 0 : Math.min(this.at, this.statements.length - 1);
    for (const { parsing, config } of this.statements.slice(failed)) {
      if (parsing) this.runway.names()?.forget(config.text);
    }
    if (this.isRepeated(this.statements[failed]!, error.code)) return;
    this.statements.forEach((statement, index) => {
      if (index < failed) statement.handleReadyForQuery(connection);
      else statement.handleError(error, connection);
    });
  }

  /** A name was stale, and nothing has happened before this flight: then it is sent again, without names. */
  private isRepeated({ prepared, config }: Statement, code = ''): boolean {
    if (!prepared || !STALE.includes(code)) return false;
    this.runway.noteStale(config.text, code);
    return this.whole && this.runway.sendInstead(this.statements.map((statement) => statement.again()));
  }

  private get current(): Statement {
    return this.statements[this.at]!;
  }
}
