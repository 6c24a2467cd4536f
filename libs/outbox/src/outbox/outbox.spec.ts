import { IsInt } from 'class-validator';
import { MessageAlreadyRecordedError, TransactionRequiredError } from '../errors';
import { OutboxMessage } from '../message/contract';
import type { ClaimedDelivery } from '../message/delivery';
import type { HandOffSlot } from '../ports/hand-off';
import { InMemory } from '../testing/in-memory.fixture';
import type { MemoryTransaction } from '../testing/memory/memory-transaction';
import { Outbox } from './outbox';
import { VerdictWatch } from './verdict-watch';

@OutboxMessage({ type: 'order.requested', to: 'order-service', deadline: '1h' })
class OrderRequested {
  @IsInt()
  quantity!: number;
}
@OutboxMessage({ type: 'news' })
class News {}

const DAY = 86_400_000;
const ID = '0190e0c0-0000-7000-8000-000000000001';
const REJECTED = { verdict: 'rejected', reason: { code: 'NO' }, result: undefined, payloadHash: undefined } as const;

describe('the outbox', () => {
  let at: InMemory;
  let outbox: Outbox<MemoryTransaction>;
  let room: boolean;
  let handed: ClaimedDelivery[];
  let released: number;
  let woken: number;
  let verdicts: VerdictWatch;

  beforeEach(() => {
    at = new InMemory();
    room = true;
    [handed, released, woken] = [[], 0, 0];
    const slot: HandOffSlot = {
      leaseToken: 'mine',
      leaseMs: 30_000,
      hand: (deliveries) => void handed.push(...deliveries),
      release: () => void released++,
    };
    const handOff = { reserve: () => (room ? slot : undefined), wake: () => void woken++ };
    verdicts = new VerdictWatch(at.clock);
    outbox = new Outbox(
      { ...at, handOff, turns: { recorded: () => undefined }, verdicts, prepare: async () => undefined },
      { service: 'user-service', maxPayloadBytes: 65_536, giveUpAfterMs: 7 * DAY, horizonMs: 14 * DAY },
    );
  });

  const add = (options: { id?: string; delay?: string } = {}): Promise<{ id: string }> =>
    at.transactions.run(() => outbox.add(OrderRequested, { quantity: 1 }, options as object));
  const state = async (messageId: string): Promise<unknown> =>
    (await outbox.status(messageId))?.deliveries.map((delivery) => delivery.state);

  it('records with its transaction: rolled back, the message never existed (R10)', async () => {
    let id = '';
    const work = at.transactions.run(async () => {
      ({ id } = await outbox.add(OrderRequested, { quantity: 1 }));
      throw new Error('not enough money');
    });
    await expect(work).rejects.toThrow('not enough money');
    await at.clock.advance(0);

    expect(await outbox.status(id)).toBeUndefined();
    expect([handed, released]).toEqual([[], 1]);
  });

  it('records nothing outside of a transaction', async () => {
    await expect(outbox.add(OrderRequested, { quantity: 1 })).rejects.toThrow(TransactionRequiredError);
  });

  it('records nothing that breaks its contract', async () => {
    const work = at.transactions.run(() => outbox.add(OrderRequested, { quantity: 'two' } as never));
    await expect(work).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  });

  it('hands off what surely committed, leased to the relay of this process (R15)', async () => {
    const { id } = await add();
    await at.clock.advance(0);
    expect(handed).toMatchObject([{ messageId: id, state: 'pending', attempt: 1, leaseToken: 'mine' }]);
  });

  it('leaves to the sweep what there is no room for', async () => {
    room = false;
    const { id } = await add();
    expect([handed, woken]).toEqual([[], 1]);
    expect((await outbox.status(id))!.deliveries).toMatchObject([{ state: 'pending', attempts: 0 }]);
  });

  it('neither hands off nor wakes anybody for what is delayed', async () => {
    await add({ delay: '5m' });
    expect([handed, woken]).toEqual([[], 0]);
  });

  it('refuses an id that exists, and names it', async () => {
    await add({ id: ID });
    await expect(add({ id: ID })).rejects.toThrow(MessageAlreadyRecordedError);
  });

  it('asks a consumer to give up, whether it is called in a transaction or not', async () => {
    const { id } = await add();
    await outbox.cancel(id, { reason: 'changed my mind' });
    expect(await state(id)).toEqual(['cancelling']);
  });

  it('cancels no announcement, and nothing that it does not know', async () => {
    const { id } = await at.transactions.run(() => outbox.add(News, {}));
    await expect(outbox.cancel(id)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    await expect(outbox.cancel(ID)).rejects.toMatchObject({ code: 'UNKNOWN_DELIVERY' });
  });

  it('waits for a verdict, and hears at once of one that was applied in this process', async () => {
    const { id } = await add();
    const waiting = outbox.waitForVerdict(id);
    await at.clock.advance(10);
    await at.store.closeMany([{ messageId: id, consumer: 'order-service', answer: REJECTED }]);
    verdicts.changed(id);
    await at.clock.advance(0);
    expect((await waiting).deliveries).toMatchObject([{ state: 'compensated', verdict: 'rejected' }]);
  });

  it('waits no longer than it should, and not for a person', async () => {
    const { id } = await add();
    const late = expect(outbox.waitForVerdict(id, { timeout: 100 })).rejects.toMatchObject({ code: 'VERDICT_TIMEOUT' });
    await at.clock.advance(1_000);
    await late;
    const key = { messageId: id, consumer: 'order-service' };
    await at.store.park(key, 'any', { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' });
    await expect(outbox.waitForVerdict(id)).rejects.toMatchObject({ code: 'DELIVERY_PARKED' });
  });
});
