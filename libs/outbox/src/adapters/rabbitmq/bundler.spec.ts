import type { PublishOutcome } from '../../message/delivery';
import { encode } from '../../message/envelope';
import { request } from '../../testing/transport-contract-scenario';
import { VirtualClock } from '../../testing/memory/virtual-clock';
import { isBundle, MAX_BUNDLE_BYTES, MAX_MEMBERS, membersOf } from './bundle';
import { Bundler } from './bundler';
import { type Outgoing, toProperties } from './wire';

/** A broker that confirms when it is told to. */
class Broker {
  maxBodyBytes: number | undefined;
  readonly published: { readonly outgoing: Outgoing; land(outcome: PublishOutcome): void }[] = [];

  publish(outgoing: Outgoing): Promise<PublishOutcome> {
    return new Promise((land) => this.published.push({ outgoing, land }));
  }

  /** How many members each publish had. */
  sizes(): number[] {
    return this.published.map(({ outgoing }) => membersIn(outgoing));
  }

  async land(index: number, outcome: PublishOutcome = { kind: 'confirmed' }): Promise<void> {
    this.published[index]!.land(outcome);
    await new Promise(setImmediate);
  }
}

function membersIn({ body, properties }: Outgoing): number {
  const message = { content: body, properties: { headers: {}, ...properties }, fields: {} } as never;
  return isBundle(message) ? membersOf(message).length : 1;
}

describe('what is to go to one place', () => {
  let broker: Broker;
  let clock: VirtualClock;
  let bundler: Bundler;
  beforeEach(() => {
    broker = new Broker();
    clock = new VirtualClock();
    bundler = new Bundler(broker, clock);
  });
  const message = (payload = '{}', routingKey = 'order-service.order.requested'): Outgoing => {
    const wire = encode(request({ payload }));
    return { exchange: 'e', routingKey, body: Buffer.from(wire.body), properties: toProperties(wire, undefined) };
  };
  const publish = (count: number, most = MAX_MEMBERS): Promise<PublishOutcome>[] =>
    Array.from({ length: count }, () => bundler.publish(message(), most));

  it('leaves at once and alone, in the turn in which it came, when nothing is under way there', () => {
    void Promise.all(publish(1));
    expect(broker.sizes()).toEqual([1]);
    void bundler.publish(message('{}', 'elsewhere'), MAX_MEMBERS);
    expect(broker.sizes()).toEqual([1, 1]);
  });

  it('travels together when it came while something was under way', async () => {
    const outcomes = publish(5);
    expect(broker.sizes()).toEqual([1]);
    await broker.land(0);
    expect(broker.sizes()).toEqual([1, 4]);
    void Promise.all(publish(1));
    await broker.land(1, { kind: 'returned' });
    expect(broker.sizes()).toEqual([1, 4, 1]);
    expect(await Promise.all(outcomes)).toEqual([{ kind: 'confirmed' }, ...Array(4).fill({ kind: 'returned' })]);
  });

  it('leaves alone, as it always did, when its consumer takes one at a time', () => {
    void Promise.all(publish(3, 1));
    expect(broker.sizes()).toEqual([1, 1, 1]);
  });

  it('does not wait for anything once a bundle is full, of messages or of bytes', () => {
    void Promise.all(publish(1 + 2 * MAX_MEMBERS + 1));
    expect(broker.sizes()).toEqual([1, MAX_MEMBERS, MAX_MEMBERS]);
    const third = JSON.stringify('x'.repeat(MAX_BUNDLE_BYTES / 3));
    for (let each = 0; each < 5; each++) void bundler.publish(message(third), MAX_MEMBERS);
    expect(broker.sizes()).toEqual([1, MAX_MEMBERS, MAX_MEMBERS, 3, 2]);
    expect(Math.max(...broker.published.map(({ outgoing }) => outgoing.body.length))).toBeLessThan(MAX_BUNDLE_BYTES);
  });

  it('has no more in one than its consumer asked for', () => {
    void Promise.all(publish(1 + 7, 3));
    expect(broker.sizes()).toEqual([1, 3, 3]);
  });

  it('is alone when it is large, and never part of more than the broker takes', async () => {
    void Promise.all(publish(1));
    void bundler.publish(message(JSON.stringify('x'.repeat(MAX_BUNDLE_BYTES))), MAX_MEMBERS);
    expect(broker.sizes()).toEqual([1, 1]);
    broker.maxBodyBytes = 2_000;
    void Promise.all(publish(30));
    await broker.land(0);
    expect(Math.max(...broker.published.slice(2).map(({ outgoing }) => outgoing.body.length))).toBeLessThan(2_000);
  });

  it('is refused alone for what is wrong with it', async () => {
    const [first, second] = publish(2);
    const bad = message();
    bad.properties.headers.CC = 'x';
    expect(await bundler.publish(bad, MAX_MEMBERS)).toMatchObject({ kind: 'refused' });
    await broker.land(0);
    await broker.land(1);
    expect(await Promise.all([first, second])).toEqual([{ kind: 'confirmed' }, { kind: 'confirmed' }]);
  });

  it('is unavailable, and not sent, if its lease ran out while it waited; the others are sent (R16)', async () => {
    void Promise.all(publish(1));
    const late = bundler.publish(message(), MAX_MEMBERS, 1_000);
    const inTime = bundler.publish(message(), MAX_MEMBERS, 2_000);
    await clock.advance(1_001);
    await broker.land(0);
    expect(await late).toEqual({ kind: 'unavailable' });
    expect(broker.sizes()).toEqual([1, 1]);
    await broker.land(1);
    expect(await inTime).toEqual({ kind: 'confirmed' });
  });

  it('keeps nothing when all is done', async () => {
    const outcomes = publish(MAX_MEMBERS + 10);
    for (let index = 0; index < broker.published.length; index++) await broker.land(index);
    await Promise.all(outcomes);
    void Promise.all(publish(1));
    expect(broker.sizes().at(-1)).toBe(1);
    expect(broker.published).toHaveLength(4);
  });
});
