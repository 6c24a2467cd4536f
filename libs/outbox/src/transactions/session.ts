import { Connection } from 'pg';
import type { QueryRunner } from 'typeorm';
import { isSessionFault } from '../flow/failure';

/** What is used of the `pg` client under TypeORM's query runner. */
export interface Session {
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: unknown;
  readonly sslNegotiation?: string;
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  readonly connection?: {
    readonly stream?: { destroy(): void };
    on?(event: 'parameterStatus', told: (status: { parameterName: string; parameterValue: string }) => void): void;
  };
  end(): Promise<void>;
}

/** Has more than its type says. */
interface CancelConnection extends Connection {
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** A cancel request is one packet, and the server hangs up when it has done what was asked. */
const CANCEL_MS = 1_000;
/** Told by PostgreSQL 14 and later when they change: the server was demoted, or somebody set it. */
const READ_ONLY = ['in_hot_standby', 'default_transaction_read_only'];

const watched = new WeakSet<object>();
const unfit = new WeakSet<object>();

export async function sessionOf(runner: QueryRunner): Promise<Session> {
  return (await runner.connect()) as Session;
}

/** Notices when the session becomes read-only, before anybody's statement fails because of it. */
export function watch(client: object): void {
  const session = client as Session;
  if (watched.has(session)) return;
  watched.add(session);
  session.connection?.on?.('parameterStatus', ({ parameterName, parameterValue }) => {
    if (!READ_ONLY.includes(parameterName)) return;
    if (parameterValue === 'on') unfit.add(session);
    else unfit.delete(session);
  });
}

/** A statement on it failed: if the session is at fault, it is not to be used again. */
export function judge(session: Session, error: unknown): void {
  if (isSessionFault(error)) unfit.add(session);
}

export function isUnfit(session: Session): boolean {
  return unfit.has(session);
}

/**
 * Ends the connection at once, also in the middle of a statement and on a silent network. Its pool does not take it back;
 * whoever still holds it gets errors, and cannot write in the transaction of the next.
 */
export function destroy(session: Session): void {
  void session.end();
  session.connection?.stream?.destroy();
}

/**
 * Ends what the session is doing in the *server*, which would else go on, with its locks, until the statement is done.
 * Resolves when the server has been told, or could not be. It goes by the session's own secret and not by
 * `pg_cancel_backend`: behind a pooler the process id is the pooler's, and could be anybody's in PostgreSQL.
 */
export async function cancel({ processID, secretKey, host, port, ...session }: Session): Promise<void> {
  if (!processID || !secretKey || !port) return;
  const { ssl, sslNegotiation } = session;
  const connection = new Connection({ ssl, sslNegotiation } as object) as CancelConnection;
  const send = (): void => connection.cancel(processID, secretKey);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CANCEL_MS);
    const over = (): void => {
      clearTimeout(timer);
      resolve();
    };
    connection.on('end', over).on('error', over).on('sslconnect', send);
    connection.on('connect', () => {
      if (!ssl) send();
      else if (sslNegotiation !== 'direct') connection.requestSsl();
    });
    if (host?.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
  connection.stream.destroy();
}

/**
 * For START TRANSACTION, COMMIT and ROLLBACK, and for what the library adds to a transaction. A ROLLBACK waits behind a
 * statement that still runs; any of them would wait for ever on a connection that the network forgot.
 */
const PATIENCE_MS = 20_000;

/** Cancels and destroys a session that has not answered in time: whoever waits for it gets an error then. */
export class Patience {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly session: Session) {}

  begin(): void {
    this.timer ??= setTimeout(() => {
      // In this order: a pooler cancels only for a client that it still has.
      void cancel(this.session).then(() => destroy(this.session));
    }, PATIENCE_MS);
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
