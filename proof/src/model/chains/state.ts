import { StateOf } from '../codec';
import { Property } from '../explorer';

const ROWS = ['none', 'pending', 'cancelling', 'parked', 'completed', 'compensated', 'discarded'] as const;
const INBOX = ['none', 'undecided', 'accepted', 'rejected'] as const;
const RECEIPTS = ['none', 'deferred', 'accepted', 'rejected'] as const;

const COUNTS = [0, 1, 2] as const;

/** `third` is the design's own: the undo, the outcome, or one more message that a verdict waits for. */
export const HOPS = ['order', 'stock', 'third'] as const;
export type HopName = (typeof HOPS)[number];

/**
 * Three services and one purchase: user-service has taken the money, order-service opens an order, stock-service takes the
 * piece, which nobody undoes. The same for every design, so that they can be compared.
 */
export const FIELDS = {
  /** What user-service has come to; *rejected* includes the refund. */
  purchase: ['open', 'completed', 'rejected'],
  ...{
    orderRow: ROWS,
    orderCopy: [false, true],
    orderCancel: [false, true],
    orderInbox: INBOX,
    orderReceipt: RECEIPTS,
  },
  ...{
    stockRow: ROWS,
    stockCopy: [false, true],
    stockCancel: [false, true],
    stockInbox: INBOX,
    stockReceipt: RECEIPTS,
  },
  ...{
    thirdRow: ROWS,
    thirdCopy: [false, true],
    thirdCancel: [false, true],
    thirdInbox: INBOX,
    thirdReceipt: RECEIPTS,
  },
  /** Of order-service: how often it opened the order, and closed it again. */
  ...{ opened: COUNTS, closed: COUNTS },
  /** A deploy may remove the handler of stock-service, and bring it back. */
  stockHandler: [true, false],
  /** What is still to be written, where it should have been one transaction; a crash forgets it. */
  inMemory: ['none', 'next', 'accept', 'reject'],
  /** Has stopped to ask, for having heard *deferred*. */
  silent: [false, true],
  /** The row of the first message was pruned; a copy that comes now is too old to be executed. */
  pruned: [false, true],
} as const;

export type State = StateOf<typeof FIELDS>;
export type Change = Partial<State>;

export const INITIAL: State = {
  purchase: 'open',
  ...{ orderRow: 'pending', orderCopy: false, orderCancel: false, orderInbox: 'none', orderReceipt: 'none' },
  ...{ stockRow: 'none', stockCopy: false, stockCancel: false, stockInbox: 'none', stockReceipt: 'none' },
  ...{ thirdRow: 'none', thirdCopy: false, thirdCancel: false, thirdInbox: 'none', thirdReceipt: 'none' },
  ...{ opened: 0, closed: 0, stockHandler: true, inMemory: 'none', silent: false, pruned: false },
};

const decided = (verdict: string): boolean => verdict === 'accepted' || verdict === 'rejected';
const FINAL = ['orderInbox', 'stockInbox', 'thirdInbox'] as const;

export const CHAIN_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PC1',
    says: 'A completed purchase has its order and its piece; a rejected one has neither, and an order that was opened is closed.',
    holds(s) {
      if (s.purchase === 'open' || s.stockRow === 'discarded') return true; // a person took the responsibility
      if (s.purchase === 'rejected') return s.opened === s.closed && s.stockInbox !== 'accepted';
      return s.opened === 1 && s.closed === 0 && s.stockInbox === 'accepted';
    },
  },
  {
    kind: 'invariant',
    id: 'PC2',
    says: 'An order is opened at most once, and closed at most as often.',
    holds: ({ opened, closed }) => opened <= 1 && closed <= opened,
  },
  {
    kind: 'step invariant',
    id: 'PC3',
    says: 'No verdict changes, and no purchase that has ended.',
    watches: ['purchase', ...FINAL],
    holds: (before, after) =>
      (before.purchase === 'open' || before.purchase === after.purchase) &&
      FINAL.every((inbox) => !decided(before[inbox]) || before[inbox] === after[inbox]),
  },
  {
    kind: 'liveness',
    id: 'PC4',
    says: 'Every purchase can end by itself, while all handlers are there and no row is parked.',
    by: ['producer', 'exchange'],
    when: ({ stockHandler, stockRow }) => stockHandler && stockRow !== 'parked' && stockRow !== 'discarded',
    goal: ({ purchase }) => purchase !== 'open',
  },
  {
    kind: 'liveness',
    id: 'PC5',
    says: 'Every purchase can end with the help of a person.',
    by: ['producer', 'exchange', 'person'],
    when: () => true,
    goal: ({ purchase }) => purchase !== 'open',
  },
  {
    kind: 'liveness',
    id: 'PC6',
    says: 'A cancel of the first message is answered, even if the last service lost its handler.',
    by: ['producer', 'exchange'],
    when: ({ orderRow }) => orderRow === 'cancelling',
    goal: ({ orderRow }) => orderRow !== 'cancelling',
  },
];
