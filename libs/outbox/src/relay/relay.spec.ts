import type { DeliveryKey, Mark, PublishOutcome } from '../message/delivery';
import type { CancelEnvelope, MessageEnvelope } from '../message/envelope';
import type { Transport } from '../ports/transport';
import { InMemory } from '../testing/in-memory.fixture';
import { HandOffBuffer } from './hand-off-buffer';
import { Relay, type RelaySettings } from './relay';
import { Marks } from './marks';
import { TokenBucket } from './token-bucket';

const SETTINGS: RelaySettings = {
  service: 'user-service',
  leaseMs: 30_000,
  window: 10,
  giveUpAfterMs: 86_400_000,
  maxFollowUpAttempts: 3,
  alarmAfter: 3,
  pollIntervalMs: 1_000,
};

describe('the relay', () => {
  let at: InMemory;
  let ready: boolean;
  let published: (MessageEnvelope | CancelEnvelope)[];
  let publish: () => Promise<PublishOutcome>;
  let finished: Mark | undefined;
  let handedOff: HandOffBuffer;
  let looked: DeliveryKey[];

  beforeEach(() => {
    at = new InMemory();
    ready = true;
    published = [];
    publish = async () => ({ kind: 'confirmed' });
    finished = undefined;
    looked = [];
  });

  function relay(settings: Partial<RelaySettings> = {}): Relay {
    const transport: Transport = {
      name: 'scripted',
      get ready() {
        return ready;
      },
      publishTimeoutMs: 10_000,
      destination: () => 'somewhere',
      start: async () => undefined,
      publish: (envelope) => {
        published.push(envelope);
        return publish();
      },
      stopConsuming: async () => undefined,
      close: async () => undefined,
    };
    const { clock, random, monitor, store, waits } = at;
    const marks = new Marks(store, clock, monitor);
    const rate = new TokenBucket(Infinity, clock);
    handedOff = new HandOffBuffer(10);
    const followUps = { finish: async () => finished };
    const turns = { next: async (key: DeliveryKey) => void looked.push(key) };
    const parts = { store, transport, handedOff, marks, followUps, turns, rate, waits, clock, random, monitor };
    return new Relay(parts, { ...SETTINGS, ...settings });
  }

  /** Puts what is due into the buffer, leased to this process. */
  async function handOff(publishBefore: number): Promise<void> {
    const asked = { limit: 1, leaseToken: 'mine', except: [], source: 'user-service' };
    const { deliveries } = await at.store.claim({ ...SETTINGS, ...asked });
    handedOff.reserve(1);
    handedOff.put([{ delivery: deliveries[0]!, publishBefore }]);
  }

  it('publishes what is due, and marks it as sent until its receipt should be there', async () => {
    const key = await at.pending();
    expect(await relay().runOnce()).toBe(1);
    await at.clock.advance(100);

    expect(published).toMatchObject([{ kind: 'message', attempt: 1, replyTo: 'user-service' }]);
    const { state, nextAt } = await at.row(key);
    expect([state, Date.parse(nextAt!) - at.database.now()]).toEqual(['sent', 60_000 - 75]);
  });

  it('asks a consumer to give up what was cancelled, with the reason', async () => {
    const { messageId } = await at.pending();
    await at.store.cancel(undefined, messageId, { reason: 'changed my mind' });
    await relay().runOnce();

    expect(published).toMatchObject([{ kind: 'cancel', messageId, reason: { message: 'changed my mind' } }]);
  });

  it('tries again later what could not be sent, and says so', async () => {
    const key = await at.pending();
    publish = async () => ({ kind: 'refused', error: 'no room' });
    await relay().runOnce();
    await at.clock.advance(100);

    expect(await at.row(key)).toMatchObject({ state: 'pending', code: 'REFUSED' });
    expect(at.told('delivery.attempt-failed')).toHaveLength(1);
  });

  it('looks again, after its claim, at what was not at its turn', async () => {
    const ordered = { ordered: true, key: 'user-1' };
    const [, second] = [await at.pending(ordered), await at.pending(ordered)];
    expect(await relay().runOnce()).toBe(2);
    expect(published).toHaveLength(1);
    expect(looked).toEqual([second]);
  });

  it('counts no attempt if there was no connection', async () => {
    const key = await at.pending();
    publish = async () => ({ kind: 'unavailable' });
    await relay().runOnce();
    await at.clock.advance(100);

    expect(await at.row(key)).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('claims nothing while the transport is not ready', async () => {
    const key = await at.pending();
    ready = false;
    expect(await relay().runOnce()).toBe(0);
    expect(await at.row(key)).toMatchObject({ attempts: 0 });
  });

  it('publishes no more at once than its window holds, and for one consumer no more than half of it', async () => {
    for (let count = 0; count < 5; count++) await at.pending();
    publish = () => new Promise(() => {});
    const subject = relay({ window: 4 });
    await subject.runOnce();
    await subject.runOnce();
    expect(published).toHaveLength(2);
  });

  it('publishes nothing with too little of its lease left: whoever claims it next would send it too (R16)', async () => {
    const key = await at.pending();
    const subject = relay();
    await handOff(-1);
    subject.takeHandedOff();
    await at.clock.advance(100);

    expect(published).toEqual([]);
    expect(at.told('delivery.lease-ran-short')).toHaveLength(1);
    expect(await at.row(key)).toMatchObject({ state: 'pending', attempts: 1 });
  });

  it('runs the follow-up of an answer instead of sending it', async () => {
    const key = await at.pending();
    const answer = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;
    await at.store.keepAnswer(key, answer, { waitMs: 0, code: 'FOLLOW_UP_FAILED', error: 'it threw' });
    finished = { kind: 'again', waitMs: 5_000, code: 'FOLLOW_UP_FAILED', error: 'it threw again' };
    await relay().runOnce();
    await at.clock.advance(100);

    expect(published).toEqual([]);
    expect(await at.row(key)).toMatchObject({ state: 'answered', lastError: 'it threw again' });
  });

  it('leaves a row to its lease when the database fails, and says so', async () => {
    const key = await at.pending();
    publish = async () => {
      at.failure = new Error('the disk is full');
      return { kind: 'confirmed' };
    };
    await relay().runOnce();
    await at.clock.advance(100);

    at.failure = undefined;
    expect(at.told('relay.failed')).toMatchObject([
      { step: 'mark', error: expect.stringContaining('the disk is full') },
    ]);
    expect(await at.row(key)).toMatchObject({ state: 'pending', attempts: 1 });
  });

  it('gives back, when it drains, what was handed off and not begun', async () => {
    const key = await at.pending();
    const subject = relay();
    await handOff(Infinity);
    const drained = subject.drain();
    await at.clock.advance(100);
    await drained;

    expect(published).toEqual([]);
    expect(await at.row(key)).toMatchObject({ state: 'pending', attempts: 0 });
  });
});
