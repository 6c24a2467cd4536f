import { away, dies, diesRejecting, type Protocol } from '../protocol';
import { TALLYSTICK_ROWS, tallystickTables } from '../tallystick';

/** A chain of local transactions; when one says no, those before it are undone in reverse order. By Tallystick. */
export const saga: Protocol = {
  name: 'saga',
  title: 'Saga (orchestrated, Tallystick)',
  idea: 'Debit, open the order, take the piece (no way back from there), confirm; or close the order, then refund.',
  tables: async () => {
    const tables = await tallystickTables();
    return { user: tables, order: `alter table orders add status text not null default 'confirmed'; ${tables}` };
  },
  show: TALLYSTICK_ROWS,
  broker: true,
  steps: {
    'after-debit': { at: 'user', when: 'the debit is committed with the request to open an order' },
    'after-open': { at: 'order', when: 'the order is open, user-service does not know it yet' },
    'after-opened': { at: 'user', when: 'user-service knows of the order, and has asked for the piece' },
    'after-take': { at: 'order', when: 'it is decided whether there is a piece, user-service does not know it yet' },
    'after-taken': { at: 'user', when: 'user-service knows it, and has asked for what follows' },
    'after-close': { at: 'order', when: 'the order is confirmed or closed, user-service does not know it yet' },
    'before-refund-commit': { at: 'user', when: 'the refund is written, and not committed yet' },
  },
  rules: {},
  trials: [
    dies('after-debit'),
    dies('after-open'),
    dies('after-opened'),
    dies('after-take'),
    dies('after-taken'),
    dies('after-close'),
    diesRejecting('after-take'),
    diesRejecting('after-taken'),
    diesRejecting('after-close'),
    diesRejecting('before-refund-commit'),
  ],
  midway: 'after-opened',
  outages: [
    away('broker', 'accepted'),
    away('order-service', 'accepted'),
    away('order database', 'accepted'),
    away('user-service', 'accepted'),
  ],
  effort: {
    tables: "the library's, and 1 column (status)",
    handlers: '4 and what follows each',
    compensations: '2 (close the order, refund)',
    idempotency: 'the library (inbox with the verdict)',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
