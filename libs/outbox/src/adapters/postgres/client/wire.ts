import type { CustomTypesConfig, Query, QueryResult } from 'pg';
import { classesOfPg } from '../../../transactions';

/**
 * What is used of `pg` beyond its types: the interface of its own pg-cursor, and how a `Query` writes itself. All of it has
 * been there since pg 8.11.
 */
export interface WireConnection {
  readonly stream: { readonly writable: boolean; destroy(): void };
  _send(bytes: Buffer): void;
  sync(): void;
  describe(what: object): void;
  close(what: { type: 'S'; name: string }): void;
  sendCopyFail(reason: string): void;
  on(event: 'readyForQuery', told: (message: { status: string }) => void): void;
}

/** Fields of a result, as the server described them. */
export type Fields = QueryResult['fields'];

/** Told by the client, in the order of the server's messages. */
export interface Answered {
  handleRowDescription(message: { fields: Fields }): void;
  handleDataRow(message: object): void;
  handleCommandComplete(message: { text: string }, connection?: WireConnection): void;
  handleEmptyQuery(connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
}

/** `pg`'s own query, with what its type leaves out. */
export interface WireQuery extends Query, Answered {
  name: string | undefined;
  readonly _result: QueryResult & { _types?: CustomTypesConfig };
  callback: (error: Error | null, result?: QueryResult) => void;
  /** Writes everything up to Execute, and asks for Sync. */
  prepare(connection: object): void;
}

export const WireQuery = classesOfPg().Query as unknown as new (text: string, values?: unknown[]) => WireQuery;

/** Stands in for a connection while queries write themselves, so that all they write leaves in one piece. */
export class Recorder {
  /** Whether what a query is told by Describe is known already. */
  describing = true;
  private parts: Buffer[] = [];
  private readonly wire: WireConnection;

  constructor(private readonly connection: WireConnection) {
    this.wire = Object.assign(Object.create(connection) as WireConnection, {
      _send: (bytes: Buffer) => void this.parts.push(bytes),
      describe: (what: object) => {
        if (this.describing) connection.describe.call(this.wire, what);
      },
      sync: () => {},
      // Here `pg` would note what it has been asked to parse; `Names` knows that.
      parsedStatements: {},
      submittedNamedStatements: {},
    });
  }

  close(names: readonly string[]): void {
    for (const name of names) this.wire.close({ type: 'S', name });
  }

  record(query: WireQuery): void {
    query.prepare(this.wire);
  }

  /** Sends what was recorded, and one Sync. */
  send(): void {
    this.connection.sync.call(this.wire);
    this.connection._send(Buffer.concat(this.parts));
    this.parts = [];
  }
}
