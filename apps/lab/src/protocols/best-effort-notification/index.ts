import { away, dies, diesRejecting, type Protocol } from '../protocol';

const NOTIFICATION_TABLE = `
  create table notification (
    purchase_id uuid primary key,
    request jsonb not null,
    attempts int not null default 0,
    next_at timestamptz default clock_timestamp() -- null: given up
  );
`;
const VERDICT_TABLE = `create table verdict (purchase_id uuid primary key, verdict text not null);`;

/** Tell the other side a few times, then stop; whoever was not told finds out by asking. */
export const bestEffortNotification: Protocol = {
  name: 'best-effort-notification',
  title: 'Best-effort notification',
  idea: 'Debit; call the other service a few times, then give up. It asks for what it may have missed, regularly.',
  tables: async () => ({ user: NOTIFICATION_TABLE, order: VERDICT_TABLE }),
  show: {
    user: ['select attempts, next_at is null as given_up from notification'],
    order: ['select verdict from verdict'],
  },
  broker: false,
  steps: {
    'after-debit': { at: 'user', when: 'the debit is committed, nobody was told' },
    'before-order': { at: 'order', when: 'order-service was told, and has done nothing' },
    'after-order': { at: 'order', when: 'the order or the no is committed, user-service does not know it yet' },
    'after-settle': { at: 'user', when: 'how it ended is committed' },
  },
  rules: { reconciliation: 'order-service asks regularly which purchases are still pending' },
  trials: [
    dies('after-debit'),
    dies('before-order'),
    dies('after-order'),
    dies('after-settle'),
    diesRejecting('after-order'),
    diesRejecting('after-settle'),
  ],
  midway: 'after-debit',
  outages: [
    away('order-service', 'accepted'),
    away('order database', 'accepted'),
    away('user-service', 'accepted'),
    { ...away('order-service', 'accepted', 'money lost'), without: 'reconciliation' },
  ],
  effort: {
    tables: '2 (notification, verdict)',
    handlers: '4 (be told, list what is pending, take a verdict, reconcile)',
    compensations: '1 (refund)',
    idempotency: 'the verdict that is kept, and the status of the purchase',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
