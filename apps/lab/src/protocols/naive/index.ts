import { away, dies, diesRejecting, type Protocol } from '../protocol';

/** What is written where nobody thought about it: first the database, then the message. It must not be copied. */
export const naive: Protocol = {
  name: 'naive',
  title: 'Naive dual write',
  idea: 'Debit and commit, then publish; the other service creates the order and replies.',
  tables: async () => ({ user: '', order: '' }),
  show: { user: [], order: [] },
  broker: true,
  steps: {
    'after-debit': { at: 'user', when: 'the debit is committed, the message is not sent yet' },
    'after-publish': { at: 'user', when: 'the broker has the message' },
    'after-order': { at: 'order', when: 'the order is committed, its message is not acknowledged yet' },
    'after-reply': { at: 'order', when: 'the reply is sent, the message is not acknowledged yet' },
    'after-refund': { at: 'user', when: 'the refund is committed, its reply is not acknowledged yet' },
  },
  rules: {},
  trials: [
    dies('after-debit', 'money lost'),
    dies('after-publish'),
    dies('after-order', 'money made'),
    dies('after-reply', 'money made'),
    diesRejecting('after-refund', 'money made'),
  ],
  midway: 'after-debit',
  outages: [
    away('broker', 'nothing', 'money lost'),
    away('order-service', 'accepted'),
    away('order database', 'accepted'),
    away('user-service', 'accepted'),
  ],
  effort: {
    tables: 'none',
    handlers: '2',
    compensations: '1 (refund)',
    idempotency: 'nobody',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
