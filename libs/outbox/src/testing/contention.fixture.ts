import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { DeliveryKey, ReceivedAnswer } from '../message/delivery';
import { keyText } from '../message/envelope';
import type { MarkRow, OutboxStore } from '../ports/store';
import { ACCEPTED, newMessage, REJECTED, SOURCE, type StoreFixture } from './store-contract-scenario';

/** What one store did to the rows that others work on at the same time. */
export interface Done {
  /** `phase key attempt` of each delivery that it was given. */
  readonly claimed: string[];
  /** The key of each row that it closed. */
  readonly closed: string[];
}

const PASSES = 6;
const CONSUMERS = ['mail-service', 'order-service'];
const CLAIM = { limit: 100, leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source: SOURCE };

/**
 * Records messages, and lets others contend for their deliveries: whatever came in between, none was given out twice for one
 * attempt, and each can be closed once.
 */
export async function round(
  fixture: StoreFixture & { empty(): Promise<void> },
  contending: (keys: readonly DeliveryKey[]) => Promise<Done[]>,
): Promise<void> {
  const { outbox, transactions } = fixture;
  await fixture.empty();
  const deliveries = CONSUMERS.map((consumer) => ({ consumer, followUp: 'none' as const }));
  const messages = Array.from({ length: 150 }, () => newMessage({ deliveries }));
  await transactions.run((tx) => outbox.add(tx, messages));
  const keys = messages.flatMap(({ id }) => CONSUMERS.map((consumer) => ({ messageId: id, consumer })));

  const done = await contending(keys);

  const claimed = done.flatMap((each) => each.claimed);
  assert.equal(new Set(claimed).size, claimed.length);
  const left = await outbox.closeMany(keys.map((key) => ({ ...key, answer: ACCEPTED })));
  const closed = [...done.flatMap((each) => each.closed), ...left.map(keyText)];
  assert.deepEqual(closed.sort(), keys.map(keyText).sort());
}

/**
 * Claims, marks, closes and cancels, all at once and in no order, over the rows a few times. What may not be done to a row, the
 * store must refuse; what fails ends it.
 */
export async function contend(store: OutboxStore, keys: readonly DeliveryKey[]): Promise<Done> {
  const done: Done = { claimed: [], closed: [] };
  const close = async (some: readonly DeliveryKey[], answer: ReceivedAnswer): Promise<void> => {
    done.closed.push(...(await store.closeMany(some.map((key) => ({ ...key, answer })))).map(keyText));
  };
  for (let pass = 0; pass < PASSES; pass++) {
    await Promise.all([
      relay(store, done),
      relay(store, done),
      close(some(keys.filter(({ consumer }) => consumer === CONSUMERS[pass % 2])), ACCEPTED),
      close(some(keys), pass % 2 ? ACCEPTED : REJECTED),
      ...some(keys, 4).map(({ messageId }) => store.cancel(undefined, messageId, { reason: 'changed my mind' })),
    ]);
  }
  return done;
}

/** Takes what is due and gives it back at once, several times: what others held is tried again, the rest is not ours any more. */
async function relay(store: OutboxStore, done: Done): Promise<void> {
  const { deliveries } = await store.claim({ ...CLAIM, leaseToken: randomUUID() });
  for (const { state, attempt, ...key } of deliveries)
    done.claimed.push(`${state === 'cancelling' ? state : 'sending'} ${keyText(key)} ${attempt}`);
  const marks = deliveries.map(({ messageId, consumer, leaseToken, state }): MarkRow => {
    const mark = { kind: state === 'cancelling' ? 'again' : 'sent', waitMs: 0, error: undefined } as const;
    return { messageId, consumer, leaseToken, mark };
  });
  for (let tries = 0; tries < 3; tries++) await store.mark(shuffled(marks));
}

/** In no order. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}

function some<T>(list: readonly T[], count = Math.ceil(list.length / 6)): T[] {
  return shuffled(list).slice(0, count);
}
