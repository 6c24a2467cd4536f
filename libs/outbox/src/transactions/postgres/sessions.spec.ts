import { EventEmitter } from 'node:events';
import { postgresSessions as sessions } from './sessions';

const readOnly = Object.assign(new Error('cannot execute INSERT in a read-only transaction'), { code: '25006' });
const duplicate = Object.assign(new Error('duplicate key'), { code: '23505' });

/** What `pg` tells of a connection. */
function open(status: string | null = 'T') {
  const connection = new EventEmitter();
  const tell = (parameterName: string, parameterValue: string) =>
    connection.emit('parameterStatus', { parameterName, parameterValue });
  return { session: { connection, getTransactionStatus: () => status }, connection, tell };
}

describe('a session of PostgreSQL', () => {
  it('is not used for another transaction once it was at fault; a statement’s own error is no fault of its', () => {
    const { session } = open();
    sessions.judge(session, duplicate);
    expect(sessions.isUnfit(session)).toBe(false);
    sessions.judge(session, readOnly);
    expect(sessions.isUnfit(session)).toBe(true);
  });

  it.each(['in_hot_standby', 'default_transaction_read_only'])(
    'is not used while the server says %s, before a statement fails because of it',
    (parameter) => {
      const { session, tell } = open();
      sessions.watch(session);
      tell('application_name', 'on');
      expect(sessions.isUnfit(session)).toBe(false);
      tell(parameter, 'on');
      expect(sessions.isUnfit(session)).toBe(true);
      tell(parameter, 'off');
      expect(sessions.isUnfit(session)).toBe(false);
    },
  );

  it('is listened to once, however often it is taken from the pool', () => {
    const { session, connection } = open();
    for (let times = 0; times < 3; times++) sessions.watch(session);
    expect(connection.listenerCount('parameterStatus')).toBe(1);
    expect(() => sessions.watch({})).not.toThrow();
  });

  it.each([
    ['idle', 'I', 'ended'],
    ['in a transaction', 'T', 'open'],
    ['in a failed one, which stays open and takes nothing more', 'E', 'open'],
    ['silent', null, 'open'],
  ])('that is %s has its transaction %s', (_, status, state) => {
    expect(sessions.stateOf(open(status).session)).toBe(state);
  });

  it('that was never connected, or is behind something that gave it no secret, is not cancelled', async () => {
    for (const session of [{}, { processID: 1, secretKey: null, port: 5432 }, { processID: 1, secretKey: 2 }])
      await expect(sessions.cancel(session)).resolves.toBeUndefined();
  });

  it('is destroyed with its socket: nobody waits for the server to say goodbye', () => {
    const done: string[] = [];
    const connection = { stream: { destroy: () => done.push('destroy') } };
    sessions.destroy({ connection, end: () => done.push('end') });
    expect(done).toEqual(['end', 'destroy']);
  });
});
