import { away, dies, diesRejecting, type Protocol } from '../protocol';

/** Both databases promise, then both commit. In doubt in between, and locked. */
export const twoPhaseCommit: Protocol = {
  name: 'two-phase-commit',
  title: 'Two-phase commit (PREPARE TRANSACTION)',
  idea: 'Both databases prepare; the coordinator writes its decision down once; both commit, or both roll back.',
  tables: async () => ({
    user: `create table decision (transaction_id uuid primary key, decision text not null)`,
    order: '',
  }),
  show: {
    user: [
      'select decision from decision',
      'select gid as prepared from pg_prepared_xacts where database = current_database()',
    ],
    order: ['select gid as prepared from pg_prepared_xacts where database = current_database()'],
  },
  broker: false,
  steps: {
    'after-prepare-user': { at: 'user', when: 'the user database is prepared, order-service was not asked yet' },
    'after-prepare': { at: 'order', when: 'the order database is prepared, user-service does not know it yet' },
    'after-prepare-order': { at: 'user', when: 'both databases are prepared, nothing is decided' },
    'after-decision': { at: 'user', when: 'commit or rollback is written down, nobody was told' },
    'after-commit-user': { at: 'user', when: 'the user database has committed, order-service was not told' },
    'after-rollback-user': { at: 'user', when: 'the user database has rolled back, order-service was not told' },
    'before-commit': { at: 'order', when: 'order-service was told to commit, and has not' },
  },
  rules: { decision: '"commit" is written down before anybody is told' },
  trials: [
    dies('after-prepare-user', 'consistent', 'waits'),
    dies('after-prepare'),
    dies('after-prepare-order', 'consistent', 'waits'),
    dies('after-decision', 'consistent', 'waits'),
    dies('after-commit-user'),
    dies('before-commit'),
    diesRejecting('after-decision', 'consistent', 'waits'),
    diesRejecting('after-rollback-user'),
    { ...dies('after-commit-user', 'money lost'), without: 'decision' },
  ],
  midway: 'after-prepare-order',
  outages: [
    away('order-service', 'rejected'),
    away('order database', 'rejected'),
    { away: 'user-service', told: ['completed', 'rejected'], expected: { bystander: 'waits', ending: 'consistent' } },
  ],
  effort: {
    tables: '1 (decision); max_prepared_transactions on both servers',
    handlers: '3 (prepare, commit, rollback) and a recovery for each side',
    compensations: 'none',
    idempotency: 'the names of prepared transactions',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('./order.js')) }),
};
