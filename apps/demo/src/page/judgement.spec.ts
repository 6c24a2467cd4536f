import type { Evidence, PurchaseEvidence } from './evidence';
import { ANNOUNCED, judge, type Witness } from './judgement';
import type { ButtonName, ClaimName } from './page';

const PRICE = 100;
type End = 'completed' | 'OUT_OF_STOCK' | 'CANCELLED' | 'pending' | 'ordered';

/** Purchases at these ends, and everything else in both databases as it must be then. */
function evidence(ends: readonly End[], stocked = ends.length, deposited = ends.length * PRICE): Evidence {
  const purchases = ends.map((end, at): PurchaseEvidence => {
    const id = `p${at}`;
    const open = { id, amount: PRICE, status: 'pending', reason: null, state: 'sent', code: null };
    if (end === 'pending' || end === 'ordered') return open;
    if (end === 'completed') return { ...open, status: 'completed', state: 'completed' };
    return { ...open, status: 'refunded', state: 'compensated', reason: end };
  });
  const idsOf = (...wanted: End[]): string[] =>
    purchases.map(({ id }) => id).filter((_, at) => wanted.includes(ends[at]!));
  const ordered = idsOf('completed', 'ordered');
  const paid = idsOf('completed', 'ordered', 'pending').length;
  return {
    balance: deposited - paid * PRICE,
    left: stocked - ordered.length,
    purchases,
    orders: ordered.map((id) => ({ id, quantity: 1, amount: PRICE })),
    inbox: [
      ...ordered.map((id) => ({ id, verdict: 'accepted' })),
      ...idsOf('OUT_OF_STOCK', 'CANCELLED').map((id) => ({ id, verdict: 'rejected' })),
    ],
  };
}

const all = (end: End, count = 3): End[] => Array.from({ length: count }, () => end);
const plain = { asked: 3, deposited: 3 * PRICE, stocked: 3, after: evidence(all('completed')) };
const soldOut: End[] = ['completed', 'completed', 'OUT_OF_STOCK'];
const cancelled: End[] = ['completed', 'CANCELLED', 'CANCELLED'];

/** For each button what it was about to see, in small. */
const AS_ANNOUNCED: Record<ButtonName, Witness> = {
  buyOne: { asked: 1, deposited: PRICE, stocked: 1, after: evidence(['completed']) },
  buyHundred: plain,
  sellOut: { ...plain, stocked: 2, after: evidence(soldOut, 2) },
  killOrder: { ...plain, away: 2, meanwhile: evidence(['completed', 'pending', 'pending']) },
  killUser: { ...plain, meanwhile: evidence(['pending']) },
  stopBroker: { ...plain, away: 2, meanwhile: evidence(['completed', 'pending', 'pending']) },
  loseReceipts: { ...plain, meanwhile: evidence(all('ordered')) },
  threeTimes: { ...plain, copied: { deliveries: 2, copies: 4 } },
  slow: { ...plain, meanwhile: evidence(['completed', 'ordered', 'pending']) },
  pause: { ...plain, away: 2, meanwhile: evidence(['completed', 'pending', 'pending']) },
  cancel: { ...plain, cancelled: ['p0', 'p1', 'p2'], early: ['p0'], after: evidence(cancelled, 3) },
};

const broken = (button: ButtonName, witness: Partial<Witness> = {}): ClaimName[] =>
  judge(button, { ...AS_ANNOUNCED[button], ...witness })
    .filter(({ holds }) => !holds)
    .map(({ claim }) => claim);

const BUTTONS = Object.keys(ANNOUNCED) as ButtonName[];

describe('What a button announced', () => {
  it.each(BUTTONS)('came true when both databases say so: %s', (button) => {
    expect(broken(button)).toEqual([]);
  });

  it('is told with the numbers that were found', () => {
    expect(judge('buyHundred', plain)).toEqual([
      { claim: 'allCompleted', holds: true, found: [3, 3] },
      { claim: 'oneOrderEach', holds: true, found: [3] },
      { claim: 'paidOnce', holds: true, found: [300, 300] },
      { claim: 'soldOnce', holds: true, found: [3, 3] },
    ]);
  });

  const done = evidence(all('completed'));
  const change = (after: Partial<Evidence>): Partial<Witness> => ({ after: { ...done, ...after } });
  const [first, ...others] = done.orders;

  describe.each(BUTTONS.filter((button) => ANNOUNCED[button].includes('allCompleted') && button !== 'buyOne'))(
    'by %s',
    (button) => {
      it.each<[string, Partial<Witness>, ClaimName[]]>([
        [
          'a purchase did not come to its end',
          { after: evidence(['completed', 'completed', 'pending']) },
          ['allCompleted', 'paidOnce'],
        ],
        [
          'its delivery is still open',
          change({ purchases: done.purchases.map((each) => ({ ...each, state: 'sent' })) }),
          ['allCompleted', 'oneOrderEach', 'paidOnce'],
        ],
        ['an order is missing', change({ orders: others }), ['oneOrderEach', 'soldOnce']],
        ['an order came twice', change({ orders: [first!, ...done.orders] }), ['oneOrderEach', 'soldOnce']],
        ['a message was executed without a verdict', change({ inbox: done.inbox.slice(1) }), ['oneOrderEach']],
        ['somebody paid twice', change({ balance: -PRICE }), ['paidOnce']],
        ['nobody paid', change({ balance: 3 * PRICE }), ['paidOnce']],
        ['a piece vanished', change({ left: -1 }), ['soldOnce']],
      ])('is broken when %s', (_, witness, claims) => {
        expect(broken(button, witness)).toEqual(expect.arrayContaining(claims));
      });
    },
  );

  it.each<[ButtonName, string, Partial<Witness>, ClaimName[]]>([
    [
      'sellOut',
      'more was sold than there was',
      { after: evidence(all('completed'), 2) },
      ['shelfEmpty', 'restRefunded'],
    ],
    [
      'sellOut',
      'something is left',
      { after: evidence(['completed', 'OUT_OF_STOCK', 'OUT_OF_STOCK'], 2) },
      ['shelfEmpty', 'restRefunded'],
    ],
    [
      'sellOut',
      'a refused one was not refunded',
      { after: evidence(['completed', 'completed', 'pending'], 2) },
      ['restRefunded', 'paidOnce'],
    ],
    [
      'sellOut',
      'it was refunded for another reason',
      { after: evidence(['completed', 'completed', 'CANCELLED'], 2) },
      ['restRefunded'],
    ],
    ['killOrder', 'nothing waited', { meanwhile: done }, ['waited']],
    ['killOrder', 'nobody looked', { meanwhile: undefined }, ['waited']],
    [
      'stopBroker',
      'a message came through without it',
      { meanwhile: evidence(['completed', 'ordered', 'pending']) },
      ['waited'],
    ],
    [
      'pause',
      'fewer were held than were to be',
      { meanwhile: evidence(['completed', 'completed', 'pending']) },
      ['waited'],
    ],
    ['killUser', 'a key became two purchases', { asked: 2 }, ['oncePerKey', 'allCompleted']],
    ['killUser', 'a key became none', { asked: 4 }, ['oncePerKey', 'allCompleted']],
    ['loseReceipts', 'somebody heard', { meanwhile: evidence(['completed', 'ordered', 'ordered']) }, ['unheard']],
    ['loseReceipts', 'an order was not there', { meanwhile: evidence(['pending', 'ordered', 'ordered']) }, ['unheard']],
    ['threeTimes', 'a copy did not come', { copied: { deliveries: 2, copies: 3 } }, ['copied']],
    ['threeTimes', 'nothing went that way', { copied: { deliveries: 0, copies: 0 } }, ['copied']],
    [
      'threeTimes',
      'a copy has a row of its own',
      change({ inbox: [...done.inbox, { id: 'p9', verdict: 'rejected' }] }),
      ['copied'],
    ],
    ['slow', 'nothing waited', { meanwhile: done }, ['backlog']],
    ['slow', 'a purchase had to wait to be taken', { meanwhile: evidence(['ordered', 'pending']) }, ['backlog']],
    [
      'cancel',
      'one became an order all the same',
      { after: evidence(['completed', 'completed', 'CANCELLED']) },
      ['givenUp'],
    ],
    [
      'cancel',
      'a refunded one is an order too',
      { after: { ...evidence(cancelled, 3), orders: done.orders } },
      ['givenUp', 'oneOrderEach', 'soldOnce'],
    ],
    ['cancel', 'what was too late to cancel is gone', { after: evidence(all('CANCELLED')) }, ['tooLate']],
    ['cancel', 'there was nothing to cancel', { cancelled: [], early: [] }, ['givenUp', 'tooLate']],
  ])('is broken: %s, when %s', (button, _, witness, claims) => {
    expect(broken(button, witness)).toEqual(claims);
  });
});
