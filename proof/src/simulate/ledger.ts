import type { DeliveryState } from '@tallystick/outbox';
import { type DeliveryRow, type InboxMessageRow, OutboxTables } from '@tallystick/outbox/testing';
import {
  type Account,
  type Effect,
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

/**
 * The auditor. Looks at both databases after every commit and compares them with the promise (the invariants of
 * docs/protocol.md) and with what it saw before. It reads rows and decides by itself: of the library it uses the tables only.
 */
export class Ledger {
  violation: Error | undefined;
  private readonly states = new Map<string, DeliveryState>();
  private readonly verdicts = new Map<string, InboxMessageRow['verdict']>();
  private readonly userTables: OutboxTables;
  private readonly orderTables: OutboxTables;

  constructor(private readonly world: World) {
    this.userTables = new OutboxTables(world.users);
    this.orderTables = new OutboxTables(world.orders);
  }

  /** The first one counts: later ones follow from it. */
  report(violation: unknown): void {
    this.violation ??= violation instanceof Error ? violation : new Error(String(violation));
  }

  check(): void {
    try {
      const purchases = this.world.users.rows<Purchase>('purchases');
      const effects = this.world.orders.rows<Effect>('effects');
      this.checkVerdicts();
      this.checkTransitions('user', this.userTables);
      this.checkTransitions('order', this.orderTables);
      for (const purchase of purchases) {
        for (const consumer of consumersOf(purchase.type)) this.checkPurchase(purchase, consumer);
      }
      this.checkGhosts(purchases, effects);
      this.checkGhosts(purchases, this.world.users.rows<Effect>('effects'));
      this.checkAnnouncements(effects);
      this.checkOrder(purchases, effects);
      this.checkMoney(purchases);
      this.checkStock(effects);
    } catch (violation) {
      this.report(violation);
    }
  }

  /** I2: a verdict, once given, never changes; it vanishes only after its retention. */
  private checkVerdicts(): void {
    for (const tables of [this.orderTables, this.userTables]) {
      for (const [key, { verdict }] of tables.inbox.entries(undefined)) {
        const before = this.verdicts.get(key);
        if (before === undefined) this.world.journal.write('inbox', `${key}: ${verdict}`);
        else refuseUnless(before === verdict, 'I2 verdict is final', `${key}: ${before} became ${verdict}`);
        this.verdicts.set(key, verdict);
      }
    }
    if (this.world.weeksPassed) return;
    for (const key of this.verdicts.keys()) {
      const stored = this.orderTables.inbox.get(undefined, key) ?? this.userTables.inbox.get(undefined, key);
      refuseUnless(stored !== undefined, 'I2 verdict is final', `${key}: the verdict vanished`);
    }
  }

  /** I9, and that nobody leaves the chart. */
  private checkTransitions(service: string, tables: OutboxTables): void {
    for (const [key, { state, attempts }] of tables.delivery.entries(undefined)) {
      const before = this.states.get(key);
      if (before === state) continue;
      this.world.journal.write('outbox', `${key}: ${before ?? 'new'} → ${state} (attempt ${attempts}, ${service})`);
      if (before !== undefined) {
        refuseUnless(MAY_BECOME[before].includes(state), 'I9 the chart', `${key}: ${before} became ${state}`);
      } else refuseUnless(state === 'pending' || state === 'sent', 'I9 the chart', `${key} began as ${state}`);
      this.states.set(key, state);
    }
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

  /** I7: nothing happens for a purchase that was rolled back. */
  private checkGhosts(purchases: readonly Purchase[], effects: readonly Effect[]): void {
    const bought = new Set(purchases.map(({ messageId }) => messageId));
    for (const { messageId } of effects) {
      refuseUnless(bought.has(messageId), 'I7 no ghost', `${messageId} took effect, but was never committed`);
    }
  }

  private checkAnnouncements(effects: readonly Effect[]): void {
    const placed = new Set(effects.map(({ purchaseId }) => purchaseId));
    for (const { purchaseId, times } of this.world.users.rows<{ purchaseId: string; times: number }>('heard')) {
      refuseUnless(placed.has(purchaseId), 'I7 no ghost', `the order of ${purchaseId} was announced, but never placed`);
      refuseUnless(times === 1, 'I1 at most one effect', `the order of ${purchaseId} was heard of ${times} times`);
    }
  }

  /** I10: the effects of a key are in the order of the commits that recorded them. */
  private checkOrder(purchases: readonly Purchase[], effects: readonly Effect[]): void {
    const places = new Map(purchases.map(({ messageId, place }) => [messageId, place]));
    for (const userId of this.world.scale.users) {
      const arrived = effects
        .filter((effect) => effect.userId === userId && effect.arrived !== undefined)
        .sort((one, other) => one.arrived! - other.arrived!);
      for (const [index, { messageId }] of arrived.entries()) {
        const before = index === 0 ? 0 : places.get(arrived[index - 1]!.messageId)!;
        const place = places.get(messageId)!;
        refuseUnless(
          before < place,
          'I10 order of a key',
          `${messageId} of ${userId}, number ${place}, took effect after number ${before}`,
        );
      }
    }
  }

  /** I6: money is neither made nor lost. */
  private checkMoney(purchases: readonly Purchase[]): void {
    const spent = purchases.reduce((sum, { type, cents, refunds }) => {
      const kept = consumersOf(type).map((consumer) => 1 - (refunds[consumer] ?? 0));
      return sum + cents * kept.reduce((one, other) => one + other, 0);
    }, 0);
    const left = this.world.users.rows<Account>('accounts').reduce((sum, { cents }) => sum + cents, 0);
    const opening = OPENING_CENTS * this.world.scale.users.length;
    refuseUnless(
      left + spent === opening,
      'I6 conservation',
      `${left} left and ${spent} spent are not ${opening} cents`,
    );
  }

  private checkStock(effects: readonly Effect[]): void {
    const ordered = effects.reduce((sum, { quantity, times }) => sum + quantity * times, 0);
    const left = this.world.orders.rows<Stock>('stock').reduce((sum, { quantity }) => sum + quantity, 0);
    const opening = Object.values(OPENING_STOCK).reduce((sum, quantity) => sum + quantity, 0);
    refuseUnless(
      left + ordered === opening,
      'I6 conservation',
      `${left} left and ${ordered} ordered are not ${opening}`,
    );
  }

  /** What is still open, as text: empty when everything has come to its end (L1). */
  open(): string[] {
    const open: string[] = [];
    for (const tables of [this.userTables, this.orderTables]) {
      for (const [key, row] of tables.delivery.entries(undefined)) {
        if (!FINAL.includes(row.state) && !this.excused(row)) {
          open.push(`${key}: ${row.state}${row.lastError ? ` (${row.lastError})` : ''}`);
        }
      }
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
