import type { ConnectionOptions } from 'mysql2';
import type { Session, Sessions, TransactionState } from '../dialect';
import { mysqlFaults } from './faults';

/** What is used of mysql2's connection under TypeORM's query runner. */
interface MysqlSession {
  readonly threadId: number | null;
  /** With which options it was made. */
  readonly config: ConnectionOptions;
  readonly stream: { destroy(error: Error): void };
  query(sql: string, answered: (error: Error | null, answer: unknown) => void): void;
  on(event: 'error', listener: () => void): void;
  destroy(): void;
}

/** Of the status that the server adds to an answer without rows: a transaction is open. */
const IN_TRANSACTION = 1;
/** Does nothing, and is answered with the status. */
const ASK = 'do 0';
const CANCEL_MS = 1_000;

const watched = new WeakSet<Session>();
const unfit = new WeakSet<Session>();
const over = new WeakMap<Session, Exclude<TransactionState, 'open'>>();

/**
 * After a deadlock, and some other errors, the server has rolled the transaction back, and the driver is not told: what is sent
 * next is committed by itself. So after an error the server is asked whether the transaction is still there.
 */
export const mysqlSessions: Sessions = {
  watch(session) {
    if (watched.has(session)) return;
    watched.add(session);
    (session as MysqlSession).on('error', () => {}); // else one that is destroyed could end the process
  },
  began: (session) => void over.delete(session),
  answered(session, answer) {
    if (statusOf(answer) === 'ended') over.set(session, 'ended');
  },
  judge(session, error) {
    if (mysqlFaults.isSessionFault(error)) unfit.add(session);
  },
  async lookAfterFailure(session) {
    if (await hasEnded(session as MysqlSession)) over.set(session, 'rolled back');
  },
  isUnfit: (session) => unfit.has(session),
  stateOf: (session) => over.get(session) ?? 'open',
  cancel: (session) => cancel(session as MysqlSession),
  destroy(session) {
    const connection = session as MysqlSession;
    mysqlSessions.watch(session);
    // With an error, for else nobody who waits for an answer would be told.
    connection.stream.destroy(new Error('Connection destroyed: its time is over'));
    connection.destroy();
  },
};

/** Undefined of an answer with rows, whose status mysql2 keeps to itself. That of a procedure comes after the rows that it has selected. */
function statusOf(answer: unknown): TransactionState | undefined {
  const last: unknown = Array.isArray(answer) && Array.isArray(answer[0]) ? answer.at(-1) : answer;
  const { serverStatus } = (last ?? {}) as { serverStatus?: unknown };
  if (typeof serverStatus !== 'number') return undefined;
  return serverStatus & IN_TRANSACTION ? 'open' : 'ended';
}

/** False also if there is no answer: then nothing else is answered either. */
function hasEnded(session: MysqlSession): Promise<boolean> {
  return new Promise((resolve) => {
    session.query(ASK, (error, answer) => resolve(error === null && statusOf(answer) === 'ended'));
  });
}

/** From another connection, made as this one was. A server knows no other way, and lets every user end what is his. */
async function cancel({ threadId, config }: MysqlSession): Promise<void> {
  if (threadId === null) return;
  const { createConnection } = await import('mysql2');
  const { host, port, user, password, socketPath, ssl } = config;
  const connection = createConnection({ host, port, user, password, socketPath, ssl, connectTimeout: CANCEL_MS });
  connection.on('error', () => {});
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CANCEL_MS);
    connection.query(`kill ${threadId}`, () => {
      clearTimeout(timer);
      resolve();
    });
  });
  connection.destroy();
}
