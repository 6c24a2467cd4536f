import { randomUUID } from 'node:crypto';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import type { OutboxStore } from '../ports/store';
import type { DeliveryRow } from '../testing/memory/memory-tables';
import { MessageRejected, OutboxMessage } from '../index';
import { compensate, handle, type HarnessServiceOptions, OutboxHarness } from '../testing';
import { InMemory } from '../testing/in-memory.fixture';
import type { MemoryTransaction } from '../testing/memory/memory-transaction';
import { ACCEPTED, newMessage } from '../testing/store-contract-scenario';
import { Turns } from './turns';

@OutboxMessage({ type: 'account.changed', to: 'audit-service', key: 'account', ordered: true })
class AccountChanged {
  readonly account!: string;
  readonly version!: number;
}

/** user-service sends changes to audit-service, which handles eight at once and does with each what it is told. */
async function system(onChange: (change: AccountChanged) => void = () => {}, options: HarnessServiceOptions = {}) {
  const harness = new OutboxHarness();
  const seen: string[] = [];
  const work = async (change: AccountChanged): Promise<void> => {
    onChange(change);
    seen.push(`${change.account}${change.version}`);
  };
  await harness.service('audit-service', [handle(AccountChanged, work, { concurrency: 8, groupCommit: 'auto' })]);
  const undone: number[] = [];
  const refund = compensate(AccountChanged, async ({ version }) => void undone.push(version));
  const users = await harness.service('user-service', [refund], { giveUpAfter: '1h', ...options });
  const change = (account: string, version: number) => users.add(AccountChanged, { account, version });
  const row = (id: string) => users.rows<DeliveryRow>('outbox_delivery').find(({ messageId }) => messageId === id)!;
  return { harness, users, change, row, seen, undone };
}

describe('messages of one key', () => {
  it('are handled one after another, without waiting for the clock, and those of other keys among them', async () => {
    const { harness, change, seen } = await system();
    for (let version = 1; version <= 5; version++) for (const account of ['a', 'b']) await change(account, version);
    await harness.advance('2s');
    for (const account of ['a', 'b'])
      expect(seen.filter((text) => text.startsWith(account))).toEqual(
        [1, 2, 3, 4, 5].map((version) => `${account}${version}`),
      );
  });

  it('follow one another without a claim: who is next is taken by the receipt of the one before, or by whoever recorded it', async () => {
    const { harness, users, change, seen } = await system();
    for (let version = 1; version <= 5; version++) for (const account of ['a', 'b']) await change(account, version);
    await harness.advance('2s');
    expect(seen).toHaveLength(10);
    const claimed = users.events.filter(
      (each) => each.event === 'relay.batch' && each.step === 'claim' && each.rows > 0,
    );
    expect(claimed).toEqual([]);
  });

  it('that come one at a time are sent at once: one that has ended holds up nobody', async () => {
    const { harness, change, row, seen } = await system();
    for (let version = 1; version <= 3; version++) {
      const { id } = await change('a', version);
      await harness.advance('10ms');
      expect([seen.length, row(id).state]).toEqual([version, 'completed']);
    }
  });

  it('that a process records which has no relay are due as their turns come, for another one to claim', async () => {
    const { harness, change, row, seen } = await system(undefined, { relay: false });
    const [first, second] = [await change('a', 1), await change('a', 2)];
    await harness.advance('2s');
    expect(seen).toEqual([]);
    expect([row(first.id).code, row(second.id).code]).toEqual([undefined, 'WAITS_ITS_TURN']);
    expect(row(first.id).nextAt).toBeLessThanOrEqual(row(second.id).nextAt! - 20_000);
  });

  it('stay in order when the first one fails for a while, is rejected, or its receipt is lost', async () => {
    let failures = 3;
    const { harness, change, seen, undone } = await system(({ version }) => {
      if (version === 1 && failures-- > 0) throw new Error('not yet');
      if (version === 2) throw new MessageRejected('NO');
    });
    harness.faults.lose('receipt');
    for (let version = 1; version <= 4; version++) await change('a', version);
    await harness.drain();
    expect([seen, undone]).toEqual([['a1', 'a3', 'a4'], [2]]);
  });

  it('wait for one that is parked, and say so, while other keys go on; discarded, it lets them go at once', async () => {
    const { harness, users, change, row, seen } = await system();
    harness.faults.silence('audit-service');
    const [first, second] = [await change('a', 1), await change('a', 2)];
    await harness.advance('3h');
    harness.faults.clear();
    expect(row(first.id).state).toBe('parked');
    expect(row(second.id)).toMatchObject({ state: 'pending', attempts: 0, code: 'WAITS_ITS_TURN' });
    await change('b', 1);
    await harness.advance('1s');
    expect(seen).toEqual(['b1']);
    await users.operations.discard(first.id, 'seen', { force: true });
    await harness.advance('1s');
    expect(seen).toEqual(['b1', 'a2']);
  });
});

describe('whoever looks for the next of a key', () => {
  let at: InMemory;
  let turns: Turns;
  let woken: number;

  beforeEach(() => {
    at = new InMemory();
    woken = 0;
    const handOff = { reserve: () => undefined, wake: () => void woken++ };
    turns = new Turns(at.store, handOff, 86_400_000, at.clock, at.monitor);
  });

  const waiting = () => at.pending({ ordered: true, key: 'user-1', waitsItsTurn: true });

  it('looks again when the database failed, until it answers', async () => {
    const key = await waiting();
    at.failure = new Error('failing over');
    await turns.next(key);
    await at.clock.advance(5_000);
    expect(at.told('relay.failed').length).toBeGreaterThan(1);
    at.failure = undefined;
    await at.clock.advance(15_000);
    expect(await at.row(key)).toMatchObject({ code: undefined });
    expect(woken).toBe(1);
  });

  it('looks again for one that a transaction holds, which may be undone', async () => {
    const key = await waiting();
    let undo!: () => void;
    const undone = new Promise<void>((resolve) => (undo = resolve));
    const undoing = at.transactions.run(async (tx) => {
      await at.store.cancel(tx as never, key.messageId, { reason: 'changed my mind' });
      await undone;
      throw new Error('and not');
    });
    await turns.next(key);
    await at.clock.advance(2_000);
    expect(await at.row(key)).toMatchObject({ code: 'WAITS_ITS_TURN' });
    undo();
    await expect(undoing).rejects.toThrow('and not');
    await at.clock.advance(5_000);
    expect(await at.row(key)).toMatchObject({ code: undefined });
  });

  it('need not for what is recorded while one of its key is under way from here: who closes that takes it', async () => {
    const [looks, handed] = [[] as DeliveryKey[], [] as ClaimedDelivery[]];
    const nextTurn: OutboxStore['nextTurn'] = (keys, lease) => {
      looks.push(...keys);
      return at.store.nextTurn(keys, lease);
    };
    const slot = { leaseToken: randomUUID(), leaseMs: 30_000, release: () => {} };
    const reserve = () => ({ ...slot, hand: (taken: readonly ClaimedDelivery[]) => void handed.push(...taken) });
    turns = new Turns({ nextTurn }, { reserve, wake: () => {} }, 86_400_000, at.clock, at.monitor);
    const record = async (): Promise<DeliveryKey> => {
      const message = newMessage({ id: randomUUID(), ordered: true, key: 'user-1', waitsItsTurn: true });
      await at.transactions.run((tx: MemoryTransaction) => at.store.add(tx, [message]));
      turns.recorded([message]);
      await at.clock.advance(1);
      return { messageId: message.id, consumer: message.deliveries[0]!.consumer };
    };
    const [first, second] = [await record(), await record()];
    expect([looks, handed]).toMatchObject([[first], [first]]);
    await turns.taking(
      1,
      (lease) => at.store.closeMany([{ ...first, answer: ACCEPTED }], lease),
      (rows) => rows.flatMap(({ next }) => next ?? []),
    );
    expect(handed).toMatchObject([first, second]);
    await at.clock.advance(1_000);
    expect(looks).toHaveLength(1);
  });

  it('leaves it to others when the process ends', async () => {
    const key = await waiting();
    at.failure = new Error('failing over');
    await turns.next(key);
    await turns.drain();
    at.failure = undefined;
    await at.clock.advance(60_000);
    expect(at.told('relay.failed')).toHaveLength(1);
    expect(await at.row(key)).toMatchObject({ code: 'WAITS_ITS_TURN' });
  });
});
