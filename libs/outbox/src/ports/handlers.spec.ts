import { inspect } from 'node:util';
import { contextOf } from './handlers';

const MESSAGE = {
  ...{ id: '1', type: 'order.requested', source: 'user-service', key: 'ada', payload: '{"secret":1}', headers: {} },
  recordedAt: '2026-01-01T00:00:00Z',
};

describe('what a handler is told beside the message', () => {
  const manager = { connection: 'postgres://user:secret@host' };
  let asked: number;
  const { signal } = new AbortController();
  const context = () => contextOf(MESSAGE, { consumer: 'order-service', attempt: 3 }, () => (asked++, signal), manager);
  beforeEach(() => void (asked = 0));

  it('is what is known of the message and of this attempt, and not its payload', () => {
    expect(context()).toMatchObject({
      ...{ messageId: '1', type: 'order.requested', source: 'user-service', consumer: 'order-service', key: 'ada' },
      ...{ attempt: 3, recordedAt: '2026-01-01T00:00:00Z', headers: {} },
    });
    expect(context()).not.toHaveProperty('payload');
  });

  it('is the transaction, to be used and not to be seen: who logs, copies or sends a context leaves it behind', () => {
    const told = context();
    expect(told.manager).toBe(manager);
    const seen = [inspect(told, { depth: null }), JSON.stringify(told), inspect({ ...told })];
    expect(seen.filter((text) => text.includes('postgres://'))).toEqual([]);
  });

  it('is the signal, made when it is asked for, for few handlers do', () => {
    const told = context();
    expect(asked).toBe(0);
    expect([told.signal, asked]).toEqual([signal, 1]);
  });
});
