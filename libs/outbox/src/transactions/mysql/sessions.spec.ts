import { EventEmitter } from 'node:events';
import { mysqlSessions as sessions } from './sessions';

type Answered = (error: Error | null, answer: unknown) => void;
const [OPEN, IDLE] = [{ serverStatus: 3 }, { serverStatus: 2 }];

/** A connection of mysql2 that answers whatever it is asked with this. */
function answering(error: Error | null, answer?: unknown) {
  const done: string[] = [];
  return Object.assign(new EventEmitter(), {
    done,
    query: (sql: string, answered: Answered) => {
      done.push(sql);
      answered(error, answer);
    },
    stream: { destroy: (reason: Error) => done.push(reason.message) },
    destroy: () => done.push('destroy'),
  });
}

describe('a session of MariaDB', () => {
  it('asks the server after an error whether the transaction is still there: the driver is not told of a deadlock', async () => {
    const [gone, there] = [answering(null, IDLE), answering(null, OPEN)];
    await sessions.lookAfterFailure(gone);
    await sessions.lookAfterFailure(there);
    expect([sessions.stateOf(gone), sessions.stateOf(there)]).toEqual(['rolled back', 'open']);
    expect(gone.done).toEqual(['do 0']);
  });

  it('is taken for open where the server does not answer: then nothing else is answered either', async () => {
    const silent = answering(new Error('connection lost'), IDLE);
    await sessions.lookAfterFailure(silent);
    expect(sessions.stateOf(silent)).toBe('open');
  });

  it.each<[string, unknown, string]>([
    ['without rows, and no transaction is open', IDLE, 'ended'],
    ['without rows, within the transaction', OPEN, 'open'],
    ['of a procedure: its status stands behind the rows that it has selected', [[{ n: 1 }], IDLE], 'ended'],
    ['with rows, whose status mysql2 keeps to itself', [{ serverStatus: 'a column of that name' }], 'open'],
    ['with nothing', undefined, 'open'],
  ])('learns from an answer %s', (_, answer, state) => {
    const session = answering(null);
    sessions.answered(session, answer);
    expect(sessions.stateOf(session)).toBe(state);
  });

  it('forgets how the last transaction ended when another one begins', async () => {
    const session = answering(null, IDLE);
    await sessions.lookAfterFailure(session);
    sessions.began(session);
    expect(sessions.stateOf(session)).toBe('open');
  });

  it('is not used for another transaction once it was at fault', () => {
    const session = answering(null);
    sessions.judge(session, Object.assign(new Error('duplicate entry'), { errno: 1062, code: 'ER_DUP_ENTRY' }));
    expect(sessions.isUnfit(session)).toBe(false);
    sessions.judge(session, Object.assign(new Error('read-only'), { errno: 1290 }));
    expect(sessions.isUnfit(session)).toBe(true);
  });

  it('that is destroyed ends with an error for whoever waits, which ends no process', () => {
    const session = answering(null);
    sessions.destroy(session);
    expect(session.done).toEqual(['Connection destroyed: its time is over', 'destroy']);
    expect(() => session.emit('error', new Error('its time is over'))).not.toThrow();
    sessions.watch(session);
    expect(session.listenerCount('error')).toBe(1);
  });

  it('that has no number yet cannot be cancelled', async () => {
    await expect(sessions.cancel({ threadId: null })).resolves.toBeUndefined();
  });
});
