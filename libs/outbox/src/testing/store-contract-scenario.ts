import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type ClaimedDelivery,
  type DeliveryKey,
  EVERYBODY,
  type OpenState,
  type Mark,
  type ReceivedAnswer,
} from '../message/delivery';
import type {
  AddedMessage,
  ClaimRequest,
  ClaimResult,
  DeliveryRecord,
  InboxMessage,
  InboxStore,
  NewMessage,
  OutboxStore,
} from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';

/** What a store's test hands to every case: a store whose tables are empty. */
// `any`: the suite passes transactions on and never looks inside.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface StoreFixture<Tx = any> {
  readonly outbox: OutboxStore<Tx>;
  readonly inbox: InboxStore<Tx>;
  readonly transactions: Pick<TransactionRunner<Tx>, 'run'>;
  /** Makes time pass for what is stored: moves the store's clock, or every stored timestamp into the past. */
  advance(ms: number): Promise<void>;
}

/** One sentence of the contract, and how to find out whether it is kept. Rejects if not. */
export interface ContractCase {
  readonly name: string;
  run(fixture: StoreFixture): Promise<void>;
}

export function behaviour(name: string, run: (scenario: Scenario) => Promise<void>): ContractCase {
  return { name, run: (fixture) => run(new Scenario(fixture)) };
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const DAY = 24 * 60 * MINUTE;
export const SOURCE = 'user-service';
export const CONSUMER = 'order-service';

export const ACCEPTED: ReceivedAnswer = {
  verdict: 'accepted',
  reason: undefined,
  result: { orderId: 'o-1' },
  payloadHash: undefined,
};
export const REJECTED: ReceivedAnswer = {
  verdict: 'rejected',
  reason: { code: 'OUT_OF_STOCK', message: 'none left', details: { left: 0 } },
  result: undefined,
  payloadHash: undefined,
};

/** Every place a row can be in. */
export type Situation = Exclude<DeliveryRecord['state'], 'parked'> | 'parked' | 'parked with a verdict';
const SITUATIONS: readonly Situation[] = [
  'pending',
  'sent',
  'cancelling',
  'answered',
  'parked',
  'parked with a verdict',
  'completed',
  'compensated',
  'delivered',
  'discarded',
];

export function newMessage(more: Partial<NewMessage> = {}): NewMessage {
  return {
    id: randomUUID(),
    type: 'order.requested',
    source: SOURCE,
    key: 'user-1',
    payload: '{"quantity": 1}',
    headers: { 'x-tenant': 'acme' },
    deliveries: [{ consumer: CONSUMER, followUp: 'none' }],
    delayMs: 0,
    deadlineMs: undefined,
    ordered: false,
    giveUpAfterMs: 7 * DAY,
    lease: undefined,
    ...more,
  };
}

/** What becomes of a row: every field that is not named stays what it was. Instants in milliseconds from the store's now. */
export interface RowChange extends Partial<
  Pick<DeliveryRecord, 'state' | 'attempts' | 'verdict' | 'reason' | 'result' | 'code' | 'lastError'>
> {
  readonly nextIn?: number | 'never' | 'sometime';
  readonly deadlineIn?: number;
  readonly sentNow?: true;
  readonly settledNow?: true;
}

/** The steps the cases are told in. */
export class Scenario {
  readonly outbox: StoreFixture['outbox'];
  readonly inbox: StoreFixture['inbox'];

  constructor(private readonly fixture: StoreFixture) {
    this.outbox = fixture.outbox;
    this.inbox = fixture.inbox;
  }

  transaction<T>(work: (tx: unknown) => Promise<T>): Promise<T> {
    return this.fixture.transactions.run(work, { propagation: 'new' });
  }

  advance(ms: number): Promise<void> {
    return this.fixture.advance(ms);
  }

  add(...messages: NewMessage[]): Promise<AddedMessage[]> {
    return this.transaction((tx) => this.outbox.add(tx, messages));
  }

  /** Adds one message for one consumer. @returns its delivery */
  async pending(more: Partial<NewMessage> = {}): Promise<DeliveryKey> {
    const message = newMessage(more);
    await this.add(message);
    return { messageId: message.id, consumer: message.deliveries[0]!.consumer };
  }

  /** As a relay does it: looks again at whoever is not at his turn. */
  async claim(more: Partial<ClaimRequest> = {}): Promise<ClaimResult> {
    const result = await this.outbox.claim({
      limit: 100,
      leaseToken: randomUUID(),
      leaseMs: 30 * SECOND,
      except: [],
      maxFollowUpAttempts: 20,
      giveUpAfterMs: 7 * DAY,
      source: SOURCE,
      ...more,
    });
    if (result.waiting.length > 0) await this.outbox.nextTurn(result.waiting);
    return result;
  }

  /** Claims, and insists on getting exactly this delivery. */
  async claimOnly(key: DeliveryKey, more: Partial<ClaimRequest> = {}): Promise<ClaimedDelivery> {
    const { deliveries, parked } = await this.claim(more);
    assert.deepEqual([deliveries.map(keyOf), parked], [[key], []]);
    return deliveries[0]!;
  }

  async claimsNothing(): Promise<void> {
    assert.deepEqual(await this.claim(), { deliveries: [], parked: [], held: 0, waiting: [], pauses: [] });
  }

  /** @returns whether it was written */
  async mark(delivery: ClaimedDelivery, mark: Mark): Promise<boolean> {
    const { leaseToken } = delivery;
    const { written, held } = await this.outbox.mark([{ ...keyOf(delivery), leaseToken, mark }]);
    assert.deepEqual(held, []);
    if (written.length > 0) assert.deepEqual(written, [keyOf(delivery)]);
    return written.length > 0;
  }

  async close(key: DeliveryKey, answer: ReceivedAnswer): Promise<boolean> {
    return (await this.transaction((tx) => this.outbox.close(tx, key, answer))) !== undefined;
  }

  /** A delivery that this "process" has leased in this state. Nothing else may be due. */
  async leased(state: OpenState, more: Partial<NewMessage> = {}): Promise<ClaimedDelivery> {
    const key = await this.pending(more);
    if (state === 'sent') await this.mark(await this.claimOnly(key), { kind: 'sent', waitMs: 0 });
    if (state === 'cancelling') await this.outbox.cancel(undefined, key.messageId, { reason: 'changed my mind' });
    if (state === 'answered')
      await this.outbox.keepAnswer(key, REJECTED, { waitMs: 0, code: 'FOLLOW_UP_MISSING', error: 'no handler' });
    const delivery = await this.claimOnly(key);
    assert.equal(delivery.state, state);
    return delivery;
  }

  /** A delivery in this situation, that nobody has leased and that is not due. Nothing else may be due. */
  async into(situation: Situation, more: Partial<NewMessage> = {}): Promise<DeliveryKey> {
    if (situation === 'delivered') more = { ...more, deliveries: [{ consumer: EVERYBODY, followUp: 'none' }] };
    const later = { waitMs: 20 * MINUTE, code: 'FOLLOW_UP_FAILED', error: 'not yet' };
    const key = await this.pending(situation === 'pending' ? { delayMs: 20 * MINUTE, ...more } : more);
    switch (situation) {
      case 'pending':
        break;
      case 'sent':
        await this.mark(await this.claimOnly(key), { kind: 'sent', waitMs: 20 * MINUTE });
        break;
      case 'cancelling':
        await this.outbox.cancel(undefined, key.messageId, { reason: 'changed my mind' });
        await this.mark(await this.claimOnly(key), { kind: 'again', waitMs: 20 * MINUTE, error: undefined });
        break;
      case 'answered':
        await this.outbox.keepAnswer(key, REJECTED, later);
        break;
      case 'parked':
        await this.outbox.park(key, 'any', { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' });
        break;
      case 'parked with a verdict':
        await this.outbox.keepAnswer(key, REJECTED, { ...later, waitMs: 0 });
        await this.claim({ maxFollowUpAttempts: 0 });
        break;
      case 'completed':
        await this.close(key, ACCEPTED);
        break;
      case 'compensated':
        await this.close(key, REJECTED);
        break;
      case 'delivered':
        await this.mark(await this.claimOnly(key), { kind: 'delivered' });
        break;
      case 'discarded':
        await this.outbox.park(key, 'any', { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' });
        await this.outbox.discard(key.messageId, { reason: 'seen', force: true });
        break;
      default:
        situation satisfies never;
    }
    assert.equal((await this.record(key)).state, situation.split(' ')[0]);
    return key;
  }

  async record(key: DeliveryKey): Promise<DeliveryRecord> {
    const found = (await this.outbox.find(key.messageId)).find(({ consumer }) => consumer === key.consumer);
    assert.ok(found, `no delivery ${key.messageId} → ${key.consumer}`);
    return found;
  }

  /** Tries a write in every situation: it happens in the allowed ones, and leaves the others exactly as they were. */
  async onlyIn(allowed: readonly Situation[], write: (key: DeliveryKey) => Promise<boolean>): Promise<void> {
    for (const situation of SITUATIONS) {
      const key = await this.into(situation);
      const before = await this.record(key);
      const written = await write(key);
      assert.equal(written, allowed.includes(situation), `${situation}: ${written ? 'written' : 'refused'}`);
      if (!written) assert.deepEqual(await this.record(key), before, `${situation} was refused, but changed`);
      // Out of the way of the next one.
      await this.outbox.park(key, 'any', { code: 'UNPROCESSABLE', error: 'done' });
      await this.close(key, ACCEPTED);
      await this.claim();
    }
  }

  /** The write changes these fields of the row, and no other. */
  async changes(key: DeliveryKey, write: () => Promise<unknown>, change: RowChange): Promise<void> {
    const before = await this.record(key);
    await write();
    const after = await this.record(key);
    const { nextIn, deadlineIn, sentNow, settledNow, ...fields } = change;
    const moved: Partial<DeliveryRecord> = {
      ...fields,
      ...(nextIn !== undefined && { nextAt: nextIn === 'never' ? undefined : after.nextAt }),
      ...(deadlineIn !== undefined && { deadlineAt: after.deadlineAt }),
      ...(sentNow && { sentAt: after.sentAt }),
      ...(settledNow && { settledAt: after.settledAt }),
    };
    assert.deepEqual(after, { ...before, ...moved });
    if (typeof nextIn === 'number') await this.isIn(after.nextAt, nextIn);
    if (deadlineIn !== undefined) await this.isIn(after.deadlineAt, deadlineIn);
    if (sentNow) await this.isNow(after.sentAt);
    if (settledNow) await this.isNow(after.settledAt);
  }

  /** That instant, as far from the store's now as it should be; the test itself may have taken a few seconds. */
  async isIn(instant: string | undefined, ms: number): Promise<void> {
    assert.ok(instant, 'there is no such instant');
    const left = -(await this.outbox.ageMs(instant));
    assert.ok(left <= ms && left > ms - 10 * SECOND, `expected in ${ms} ms, got ${left}`);
  }

  async isNow(instant: string | undefined): Promise<void> {
    await this.isIn(instant, 0);
  }

  /** The store's time, so many milliseconds ago. */
  async ago(ms: number): Promise<string> {
    const then = '2026-01-01T00:00:00.000Z';
    return new Date(Date.parse(then) + (await this.outbox.ageMs(then)) - ms).toISOString();
  }

  /** A message that arrives at the consumer, just recorded. */
  async arriving(more: Partial<InboxMessage> = {}): Promise<InboxMessage> {
    return {
      messageId: randomUUID(),
      consumer: CONSUMER,
      source: SOURCE,
      payloadHash: Buffer.from('the hash'),
      recordedAt: await this.ago(0),
      deadlineAt: undefined,
      ...more,
    };
  }
}

export function keyOf({ messageId, consumer }: DeliveryKey): DeliveryKey {
  return { messageId, consumer };
}

/** The promise rejects with this very error. */
export function failsWith(promise: Promise<unknown>, expected: Error): Promise<void> {
  return assert.rejects(promise, (error) => error === expected);
}
