import { away, dies, diesRejecting, heldUp, type Protocol } from '../protocol';
import { TALLYSTICK_ROWS, tallystickTables } from '../tallystick';

/** It goes on when it was asked about, and nobody is left to show the message when it has committed. */
const COMES_LATE = { meanwhile: { step: 'after-check', action: 'pass' }, thenDies: 'after-commit' } as const;
const DIES_ASKED = { meanwhile: { step: 'after-check', action: 'die' } } as const;

/** The message is stored at the broker before the debit, where nobody sees it; whoever has to decide is asked. */
export const halfMessage: Protocol = {
  name: 'half-message',
  title: 'Half message with check-back (MQ transaction)',
  idea: 'The broker keeps the message where nobody sees it; debit and commit; then it is shown. Whoever is silent is asked.',
  tables: async () => {
    const [{ barrierSql }, tables] = [await import('@tallystick/half-message'), await tallystickTables()];
    return { user: `${tables}\n${barrierSql()}`, order: tables };
  },
  show: {
    user: [...TALLYSTICK_ROWS.user, 'select decision from half_message_barrier order by decided_at'],
    order: TALLYSTICK_ROWS.order,
  },
  broker: true,
  steps: {
    'after-half': { at: 'user', when: 'the broker keeps the half message, nothing is debited' },
    'after-barrier': { at: 'user', when: 'the transaction has written its barrier, and debited nothing yet' },
    'before-commit': { at: 'user', when: 'the debit is written, and not committed yet' },
    'after-commit': { at: 'user', when: 'the debit is committed, the message is not shown yet' },
    'after-check': { at: 'user', when: 'the broker has asked, the answer is known, nothing is done about it yet' },
    'after-publish': { at: 'user', when: 'the broker has the message that everybody sees' },
    'before-order-commit': { at: 'order', when: 'the order is written, and not committed yet' },
    'after-order-commit': { at: 'order', when: 'order and verdict are committed, no receipt is sent yet' },
    'before-refund-commit': { at: 'user', when: 'the refund is written, and not committed yet' },
  },
  rules: {
    'check-back': 'whoever was silent is asked whether it has committed',
    barrier: 'a check writes down what it did not find, and a transaction that comes later runs into that',
  },
  trials: [
    dies('after-half'),
    dies('after-barrier'),
    dies('before-commit'),
    dies('after-commit'),
    { ...dies('after-commit', 'money lost'), without: 'check-back' },
    dies('after-publish'),
    dies('before-order-commit'),
    dies('after-order-commit'),
    diesRejecting('after-order-commit'),
    diesRejecting('before-refund-commit'),
    // Asked before the work begins: ruled out, and the work runs into that.
    heldUp('after-half', COMES_LATE),
    heldUp('after-half', { ...COMES_LATE, without: 'barrier' }, 'money lost'),
    // Asked while it is undecided, which is answered "not known yet"; it ends both ways.
    heldUp('after-barrier', COMES_LATE),
    heldUp('after-barrier', { ...COMES_LATE, without: 'barrier' }, 'money lost'),
    heldUp('after-barrier', { meanwhile: COMES_LATE.meanwhile, thenDies: 'before-commit' }),
    // Whoever is asked dies of it, whatever he had to say.
    heldUp('after-half', DIES_ASKED),
    heldUp('after-barrier', DIES_ASKED),
    heldUp('after-commit', DIES_ASKED),
  ],
  midway: 'after-commit',
  outages: [
    away('order-service', 'accepted'),
    away('order database', 'accepted'),
    away('user-service', 'accepted'),
    // The last one: nobody can buy before user-service has found the broker again.
    away('broker', 'nothing'),
  ],
  effort: {
    tables: "the library's, and a barrier",
    handlers: '1, and 1 checker',
    compensations: '1 (refund)',
    idempotency: 'the library (inbox with the verdict), the barrier',
  },
  load: async () => ({ ...(await import('./user.js')), ...(await import('../local-message-table/order.js')) }),
};
