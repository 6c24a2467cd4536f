import { away, dies, diesRejecting, type Protocol } from '../protocol';
import { TALLYSTICK_ROWS, tallystickTables } from '../tallystick';

/** The message is a row of the same transaction as the debit. By Tallystick. */
export const localMessageTable: Protocol = {
  name: 'local-message-table',
  title: 'Local message table (Tallystick)',
  idea: 'Debit and message commit together; it is sent until the verdict comes back; a rejection is compensated.',
  tables: async () => {
    const tables = await tallystickTables();
    return { user: tables, order: tables };
  },
  show: TALLYSTICK_ROWS,
  broker: true,
  steps: {
    'before-commit': { at: 'user', when: 'debit and message are written, and not committed yet' },
    'after-commit': { at: 'user', when: 'debit and message are committed, nothing is sent yet' },
    'after-publish': { at: 'user', when: 'the broker has the message' },
    'before-order-commit': { at: 'order', when: 'the order is written, and not committed yet' },
    'after-order-commit': { at: 'order', when: 'order and verdict are committed, no receipt is sent yet' },
    'before-refund-commit': { at: 'user', when: 'the refund is written, and not committed yet' },
    'after-receipt': {
      at: 'user',
      when: 'what the receipt asked for is committed; the receipt is not acknowledged yet',
    },
  },
  rules: {},
  trials: [
    dies('before-commit'),
    dies('after-commit'),
    dies('after-publish'),
    dies('before-order-commit'),
    dies('after-order-commit'),
    diesRejecting('after-order-commit'),
    diesRejecting('before-refund-commit'),
    diesRejecting('after-receipt'),
  ],
  midway: 'after-commit',
  outages: [
    away('broker', 'accepted'),
    away('order-service', 'accepted'),
    away('order database', 'accepted'),
    away('user-service', 'accepted'),
  ],
  effort: {
    tables: "the library's",
    handlers: '1',
    compensations: '1 (refund)',
    idempotency: 'the library (inbox with the verdict)',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
