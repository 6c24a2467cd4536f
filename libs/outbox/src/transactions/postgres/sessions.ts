import type { Connection } from 'pg';
import type { Session, Sessions } from '../dialect';
import { postgresFaults } from './faults';
import { loadPg } from './pg';

/** What is used of the `pg` client under TypeORM's query runner. */
interface PgSession {
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
  getTransactionStatus?(): string | null;
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

const watched = new WeakSet<Session>();
const unfit = new WeakSet<Session>();

export const postgresSessions: Sessions = {
  /** It becomes useless when it becomes read-only. */
  watch(session) {
    if (watched.has(session)) return;
    watched.add(session);
    (session as PgSession).connection?.on?.('parameterStatus', ({ parameterName, parameterValue }) => {
      if (!READ_ONLY.includes(parameterName)) return;
      if (parameterValue === 'on') unfit.add(session);
      else unfit.delete(session);
    });
  },
  began() {},
  answered() {},
  judge(session, error) {
    if (postgresFaults.isSessionFault(error)) unfit.add(session);
  },
  async lookAfterFailure() {},
  isUnfit: (session) => unfit.has(session),
  /** A failed transaction stays open, and takes nothing more. */
  stateOf: (session) => ((session as PgSession).getTransactionStatus?.() === 'I' ? 'ended' : 'open'),
  cancel: (session) => cancel(session as PgSession),
  destroy(session) {
    const { connection } = session as PgSession;
    void (session as PgSession).end();
    connection?.stream?.destroy();
  },
};

/**
 * By the session's own secret and not by `pg_cancel_backend`: behind a pooler the process id is the pooler's, and could be
 * anybody's in PostgreSQL.
 */
async function cancel({ processID, secretKey, host, port, ...session }: PgSession): Promise<void> {
  if (!processID || !secretKey || !port) return;
  const { ssl, sslNegotiation } = session;
  const { Connection } = loadPg();
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
