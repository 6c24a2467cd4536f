import type { DeliveryState } from '@tallystick/outbox';
import {
  type DeliveryRow,
  type InboxMessageRow,
  type MemoryTable,
  OutboxTables,
  type RowChange,
} from '@tallystick/outbox/testing';
import {
  type Account,
  type Effect,
  type Heard,
  isCasual,
  OPENING_CENTS,
  OPENING_STOCK,
  ORDERS,
  type Purchase,
  consumersOf,
  type Service,
  type Stock,
  USERS,
} from './business';
import type { World } from './world';

export class InvariantViolation extends Error {
  constructor(
    readonly invariant: string,
    readonly problem: string,
  ) {
    super(`${invariant}: ${problem}`);
  }
}

const UNDECIDED: readonly DeliveryState[] = ['cancelling', 'answered', 'parked', 'completed', 'compensated'];
/** The chart of states (docs/protocol.md), closed over steps that are committed at one moment. */
const MAY_BECOME: Readonly<Record<DeliveryState, readonly DeliveryState[]>> = {
  pending: ['sent', 'delivered', ...UNDECIDED],
  sent: ['pending', ...UNDECIDED],
  cancelling: ['answered', 'parked', 'completed', 'compensated'],
  answered: ['parked', 'completed', 'compensated'],
  parked: ['pending', 'cancelling', 'answered', 'completed', 'compensated', 'discarded'],
  completed: [],
  compensated: [],
  delivered: [],
  discarded: [],
};
const FINAL: readonly DeliveryState[] = ['completed', 'compensated', 'delivered', 'discarded'];
const OPENING_GOODS = Object.values(OPENING_STOCK).reduce((sum, quantity) => sum + quantity, 0);

/**
 * The auditor. After every step it looks at what commits have changed in both databases, and compares it with the promise
 * (the invariants of docs/protocol.md) and with what it saw before. It reads rows and decides by itself: of the library it
 * uses the tables only.
 *
 * An invariant is about one message (I1–I5, I7–I9), one key (I10), or sums over everything (I6). So the messages and keys
 * of changed rows are checked, and the sums, which are kept as rows change: nothing else can have been broken.
 */
export class Ledger {
  violation: Error | undefined;
  private readonly states = new Map<string, DeliveryState>();
  private readonly verdicts = new Map<string, InboxMessageRow['verdict']>();
  private readonly userTables: OutboxTables;
  private readonly orderTables: OutboxTables;
  private readonly purchases: MemoryTable<Purchase>;
  /** How to take in what was committed since the last look, in the order of the commits. */
  private readonly news: (() => void)[] = [];
  /** Messages and users to be checked at this look. */
  private readonly touched = { messages: new Set<string>(), users: new Set<string>() };
  /** By message, the purchase it was committed with. */
  private readonly bought = new Map<string, string>();
  /** Purchases whose order was made. */
  private readonly placed = new Set<string>();
  /** By user and message, the effects that were to be in order. */
  private readonly arrivals = new Map<string, Map<string, Effect>>();
  private readonly undecided = new Map<string, DeliveryRow>();
  private readonly sums = { left: 0, spent: 0, stocked: 0, ordered: 0 };

  constructor(private readonly world: World) {
    const { users, orders } = world;
    this.userTables = new OutboxTables(users);
    this.orderTables = new OutboxTables(orders);
    this.purchases = users.table<Purchase>('purchases');
    this.watch(users.table<Account>('accounts'), (change) => this.sum('left', change, ({ cents }) => cents));
    this.watch(orders.table<Stock>('stock'), (change) => this.sum('stocked', change, ({ quantity }) => quantity));
    this.watch(this.purchases, (change) => this.seePurchase(change));
    this.watch(users.table<Effect>('effects'), ({ key }) => this.touched.messages.add(key));
    this.watch(orders.table<Effect>('effects'), (change) => this.seeOrder(change));
    this.watch(users.table<Heard>('heard'), ({ after }) => this.checkAnnouncement(after!));
    for (const [service, { inbox, delivery }] of [
      ['user', this.userTables],
      ['order', this.orderTables],
    ] as const) {
      this.watch(inbox, (change) => this.seeVerdict(change));
      this.watch(delivery, (change) => this.seeDelivery(service, change));
    }
  }

  /** The first one counts: later ones follow from it. */
  report(violation: unknown): void {
    this.violation ??= violation instanceof Error ? violation : new Error(String(violation));
  }

  /** Looks at everything that was committed since the last call. */
  check(): void {
    if (this.news.length === 0) return;
    try {
      for (const takeIn of this.news.splice(0)) takeIn();
      for (const messageId of this.touched.messages) this.checkMessage(messageId);
      for (const userId of this.touched.users) this.checkOrder(userId);
      this.checkMoney();
      this.checkStock();
    } catch (violation) {
      this.report(violation);
    }
    this.touched.messages.clear();
    this.touched.users.clear();
  }

  private watch<Row extends object>(table: MemoryTable<Row>, takeIn: (change: RowChange<Row>) => void): void {
    table.onCommit((change) => this.news.push(() => takeIn(change)));
  }

  private sum<Row>(of: keyof Ledger['sums'], { before, after }: RowChange<Row>, amount: (row: Row) => number): void {
    this.sums[of] += (after ? amount(after) : 0) - (before ? amount(before) : 0);
  }

  private seePurchase(change: RowChange<Purchase>): void {
    this.sum('spent', change, ({ type, cents, refunds }) => {
      const kept = consumersOf(type).map((consumer) => 1 - (refunds[consumer] ?? 0));
      return cents * kept.reduce((one, other) => one + other, 0);
    });
    const { messageId } = change.after!;
    this.bought.set(messageId, change.key);
    this.touched.messages.add(messageId);
  }

  private seeOrder(change: RowChange<Effect>): void {
    this.sum('ordered', change, ({ quantity, times }) => quantity * times);
    const effect = change.after!;
    const { messageId, purchaseId, userId } = effect;
    this.placed.add(purchaseId);
    this.touched.messages.add(messageId);
    if (effect.arrived === undefined) return;
    const ofUser = this.arrivals.get(userId) ?? new Map<string, Effect>();
    this.arrivals.set(userId, ofUser.set(messageId, effect));
    this.touched.users.add(userId);
  }

  /** I2: a verdict, once given, never changes; it vanishes only after its retention. */
  private seeVerdict({ key, after }: RowChange<InboxMessageRow>): void {
    const before = this.verdicts.get(key);
    if (after === undefined) {
      return refuseUnless(this.world.weeksPassed, 'I2 verdict is final', `${key}: the verdict vanished`);
    }
    const { verdict } = after;
    if (before === undefined) this.world.journal.write('inbox', `${key}: ${verdict}`);
    else refuseUnless(before === verdict, 'I2 verdict is final', `${key}: ${before} became ${verdict}`);
    this.verdicts.set(key, verdict);
    this.touched.messages.add(key.split(' ')[1]!);
  }

  /** I9, and that nobody leaves the chart. */
  private seeDelivery(service: string, { key, after }: RowChange<DeliveryRow>): void {
    this.touched.messages.add(key.split(' ')[0]!);
    if (after === undefined || FINAL.includes(after.state)) this.undecided.delete(key);
    else this.undecided.set(key, after);
    if (after === undefined) return;
    const { state, attempts } = after;
    const before = this.states.get(key);
    if (before === state) return;
    this.world.journal.write('outbox', `${key}: ${before ?? 'new'} → ${state} (attempt ${attempts}, ${service})`);
    if (before !== undefined) {
      refuseUnless(MAY_BECOME[before].includes(state), 'I9 the chart', `${key}: ${before} became ${state}`);
    } else refuseUnless(state === 'pending' || state === 'sent', 'I9 the chart', `${key} began as ${state}`);
    this.states.set(key, state);
  }

  /** I7: nothing happens for a purchase that was rolled back. The rest is asked of every consumer. */
  private checkMessage(messageId: string): void {
    const purchaseId = this.bought.get(messageId);
    const purchase = purchaseId === undefined ? undefined : this.purchases.get(undefined, purchaseId);
    if (purchase) {
      for (const consumer of consumersOf(purchase.type)) this.checkPurchase(purchase, consumer);
      return;
    }
    const effects = this.effectsAt(ORDERS, messageId) + this.effectsAt(USERS, messageId);
    refuseUnless(effects === 0, 'I7 no ghost', `${messageId} took effect, but was never committed`);
  }

  private checkPurchase(purchase: Purchase, consumer: Service): void {
    const { purchaseId, messageId, type } = purchase;
    const completions = purchase.completions[consumer] ?? 0;
    const refunds = purchase.refunds[consumer] ?? 0;
    const key = `${messageId} ${consumer}`;
    const row = this.userTables.delivery.get(undefined, key);
    const state = row?.state ?? this.states.get(key);
    const verdict = this.verdicts.get(`${consumer} ${messageId} ${USERS}`);
    const effects = this.effectsAt(consumer, messageId);
    const at = `${purchaseId} (${messageId} at ${consumer}, ${state})`;

    refuseUnless(state !== undefined, 'I8 no silent loss', `${at} was bought, but no delivery exists`);
    refuseUnless(row !== undefined || FINAL.includes(state!), 'I8 no silent loss', `${at}: an open delivery vanished`);
    refuseUnless(effects <= 1, 'I1 at most one effect', `${at} took effect ${effects} times`);
    refuseUnless(
      completions + refunds <= 1,
      'I5 one follow-up',
      `${at}: ${completions} completions, ${refunds} refunds`,
    );
    refuseUnless(completions === 0 || verdict === 'accepted', 'I3 success iff effect', `${at} completed on ${verdict}`);
    refuseUnless(refunds === 0 || verdict === 'rejected', 'I4 refund iff rejected', `${at} refunded on ${verdict}`);
    refuseUnless(
      (effects === 1) === (verdict === 'accepted'),
      'R3 one transaction',
      `${at}: ${verdict}, ${effects} effects`,
    );
    const completes = state === 'completed' && !isCasual(type);
    refuseUnless(completes === (completions === 1), 'R7 one transaction', `${at}: ${completions} completions`);
    refuseUnless((state === 'compensated') === (refunds === 1), 'R7 one transaction', `${at}: ${refunds} refunds`);
    const stored = this.orderTables.inbox.get(undefined, `${ORDERS} ${messageId} ${USERS}`);
    if (consumer === ORDERS && stored?.verdict === 'accepted') {
      const ordered = (stored.result as { orderId?: string } | undefined)?.orderId;
      refuseUnless(ordered === purchaseId, 'R3 one transaction', `${at} was answered with the order ${ordered}`);
    }
    const held = row?.verdict ?? verdict;
    refuseUnless(held === verdict, 'I2 verdict is final', `${at} holds ${held}, the inbox said ${verdict}`);
  }

  private checkAnnouncement({ purchaseId, times }: Heard): void {
    const placed = this.placed.has(purchaseId);
    refuseUnless(placed, 'I7 no ghost', `the order of ${purchaseId} was announced, but never placed`);
    refuseUnless(times === 1, 'I1 at most one effect', `the order of ${purchaseId} was heard of ${times} times`);
  }

  /** I10: the effects of a key are in the order of the commits that recorded them. */
  private checkOrder(userId: string): void {
    const arrived = [...this.arrivals.get(userId)!.values()].sort((one, other) => one.arrived! - other.arrived!);
    let before = 0;
    for (const { messageId } of arrived) {
      const { place } = this.purchases.get(undefined, this.bought.get(messageId)!)!;
      refuseUnless(
        before < place!,
        'I10 order of a key',
        `${messageId} of ${userId}, number ${place}, took effect after number ${before}`,
      );
      before = place!;
    }
  }

  /** I6: money is neither made nor lost. */
  private checkMoney(): void {
    const { left, spent } = this.sums;
    const opening = OPENING_CENTS * this.world.scale.users.length;
    refuseUnless(
      left + spent === opening,
      'I6 conservation',
      `${left} left and ${spent} spent are not ${opening} cents`,
    );
  }

  private checkStock(): void {
    const { stocked, ordered } = this.sums;
    refuseUnless(
      stocked + ordered === OPENING_GOODS,
      'I6 conservation',
      `${stocked} left and ${ordered} ordered are not ${OPENING_GOODS}`,
    );
  }

  /** What is still open, as text: empty when everything has come to its end (L1). */
  open(): string[] {
    const open: string[] = [];
    for (const [key, row] of this.undecided) {
      if (!this.excused(row)) open.push(`${key}: ${row.state}${row.lastError ? ` (${row.lastError})` : ''}`);
    }
    return open;
  }

  /** How deliveries ended, or where they are. */
  endings(): Map<DeliveryState, number> {
    const endings = new Map<DeliveryState, number>();
    for (const state of this.states.values()) endings.set(state, (endings.get(state) ?? 0) + 1);
    return endings;
  }

  /** After weeks nobody can tell any more whether an answer existed: a person must look (EXPIRED). */
  private excused({ state, code }: DeliveryRow): boolean {
    return this.world.weeksPassed && state === 'parked' && code === 'EXPIRED';
  }

  private effectsAt(consumer: Service, messageId: string): number {
    const database = consumer === ORDERS ? this.world.orders : this.world.users;
    return database.table<Effect>('effects').get(undefined, messageId)?.times ?? 0;
  }
}

function refuseUnless(holds: boolean, invariant: string, problem: string): void {
  if (!holds) throw new InvariantViolation(invariant, problem);
}
