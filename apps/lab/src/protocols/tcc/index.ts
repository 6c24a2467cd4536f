import { away, dies, diesRejecting, heldUp, type Protocol } from '../protocol';
import { BARRIER_TABLE } from './barrier';

const LOG_TABLE = `
  create table tcc (
    purchase_id uuid primary key,
    state text not null,
    request jsonb not null,
    begun_at timestamptz not null default now()
  );
`;

/** Reserve in both, then confirm both or cancel both: two-phase commit in the business's own columns. */
export const tcc: Protocol = {
  name: 'tcc',
  title: 'TCC (try, confirm, cancel)',
  idea: 'Try freezes the money and the piece; when both are frozen, both are confirmed; otherwise both are cancelled.',
  tables: async () => ({
    user: `alter table account add frozen bigint not null default 0; ${BARRIER_TABLE} ${LOG_TABLE}`,
    order: `alter table stock add reserved int not null default 0;
      alter table orders add status text not null default 'confirmed'; ${BARRIER_TABLE}`,
  }),
  show: {
    user: ['select state from tcc', 'select op from barrier order by op'],
    order: ['select op from barrier order by op'],
  },
  broker: false,
  steps: {
    'after-log': { at: 'user', when: 'that it was begun is written down, nothing is tried yet' },
    'after-try-user': { at: 'user', when: 'the money is frozen, order-service was not asked yet' },
    'before-try': { at: 'order', when: 'order-service was asked to reserve, and has not' },
    'after-try': { at: 'order', when: 'the piece is reserved, user-service does not know it yet' },
    'after-try-order': { at: 'user', when: 'money and piece are reserved, nothing is decided' },
    'after-decision': { at: 'user', when: 'confirm or cancel is written down, nobody was told' },
    'after-confirm-user': { at: 'user', when: 'the money is spent, order-service was not told' },
    'after-cancel-user': { at: 'user', when: 'the money is free again, order-service was not told' },
    'before-confirm': { at: 'order', when: 'order-service was told to confirm, and has not' },
  },
  rules: { barrier: 'remembers which of try, confirm and cancel were here, in the transaction that does it' },
  trials: [
    dies('after-log'),
    dies('after-try-user'),
    dies('after-try'),
    dies('after-try-order'),
    dies('after-decision'),
    dies('after-confirm-user'),
    dies('before-confirm'),
    diesRejecting('after-decision'),
    diesRejecting('after-cancel-user'),
    // The try is held up on its way until the cancel has overtaken it.
    heldUp('before-try'),
    heldUp('before-try', { without: 'barrier' }, 'stuck'),
  ],
  midway: 'after-try-order',
  outages: [
    away('order-service', 'rejected'),
    away('order database', 'rejected'),
    { away: 'user-service', told: ['completed', 'rejected'], expected: { bystander: 'free', ending: 'consistent' } },
  ],
  effort: {
    tables: '2 (log, barrier in both) and 3 columns (frozen, reserved, status)',
    handlers: '3 (try, confirm, cancel) for each side, and a recovery',
    compensations: '1 for each side (cancel)',
    idempotency: 'the barrier',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
