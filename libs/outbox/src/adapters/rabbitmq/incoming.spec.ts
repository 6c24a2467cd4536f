import type { ConsumeMessage } from 'amqplib';
import { Lane, NotBegunError } from '../../concurrency/lane';
import { PLAIN } from '../../message/codec';
import { encode, type MessageEnvelope } from '../../message/envelope';
import { ContractEndpoint, idOf, receiptFrom, request, requests } from '../../testing/transport-contract-scenario';
import { VirtualClock } from '../../testing/memory/virtual-clock';
import { bundleOf, memberOf } from './bundle';
import { Incoming, type IncomingParts } from './incoming';
import { ComesAgainError } from './returns';
import { Takers } from './takers';
import { Topology } from './topology';
import { type Outgoing, toProperties } from './wire';

const PATIENCE_MS = 60_000;
const REQUESTS = { kind: 'request' } as const;
const RECEIPTS = { kind: 'receipt' } as const;

const member = (envelope: Parameters<typeof encode>[0]): ReturnType<typeof memberOf> => {
  const wire = encode(envelope);
  const body = Buffer.from(wire.body);
  return memberOf({ exchange: 'e', routingKey: 'k', body, properties: toProperties(wire, undefined) });
};
const delivered = ({ exchange, routingKey, body, properties }: Outgoing): ConsumeMessage =>
  ({ content: body, fields: { exchange, routingKey }, properties: { headers: {}, ...properties } }) as never;

describe('a bundle in hand', () => {
  let clock: VirtualClock;
  let endpoint: ContractEndpoint;
  let incoming: Incoming;
  let published: Outgoing[];
  beforeEach(() => {
    clock = new VirtualClock();
    endpoint = new ContractEndpoint('order-service', [requests(1)]);
    published = [];
    const publish = async (outgoing: Outgoing) => {
      published.push(outgoing);
      return { kind: 'confirmed' } as const;
    };
    const parts = {
      publisher: { publish, untilReady: async () => {} },
      bundler: { publish },
      takers: new Takers(clock),
      topology: new Topology('order-service', 'outbox'),
    } as unknown as IncomingParts;
    const settings = { user: undefined, users: undefined, bundles: true };
    incoming = new Incoming(endpoint, parts, settings, { clock, monitor: { record: () => {} }, codec: PLAIN });
  });
  const turn = (): Promise<void> => new Promise(setImmediate);
  const three = (): MessageEnvelope[] => [request(), request(), request()];
  const bundle = (envelopes: Parameters<typeof encode>[0][]): ConsumeMessage =>
    delivered(bundleOf(envelopes.map(member)));

  it('is done when the last of its members is, and each was answered', async () => {
    endpoint.shut();
    let done = false;
    const handling = incoming.onMessage(bundle(three()), REQUESTS, new Lane(2)).then(() => (done = true));
    await turn();
    expect(endpoint.running).toBe(2);
    expect(done).toBe(false);
    endpoint.open();
    await handling;
    expect(endpoint.finished).toBe(3);
    expect(published).toHaveLength(3);
  });

  it('goes back, and nothing more of it is begun, when its handler has become so slow that others wait for a minute', async () => {
    const [first, ...others] = three();
    endpoint.shut();
    const handling = incoming.onMessage(bundle([first!, ...others]), REQUESTS, new Lane(1));
    await clock.advance(PATIENCE_MS + 1);
    endpoint.open();
    await expect(handling).rejects.toThrow(NotBegunError);
    expect(endpoint.receivedIds()).toEqual([idOf(first!)]);
    expect(published).toHaveLength(1);
  });

  it('goes back when its session ends before all were begun', async () => {
    endpoint.shut();
    const lane = new Lane(1);
    const handling = incoming.onMessage(bundle(three()), REQUESTS, lane);
    await turn();
    lane.close();
    endpoint.open();
    await expect(handling).rejects.toThrow(NotBegunError);
    expect(endpoint.finished).toBe(1);
  });

  it('comes again for what went wrong with one, after all are over, and not merely because others were not begun', async () => {
    const lane = new Lane(1);
    let applied = 0;
    endpoint.applyReceipt = async () => {
      if (++applied === 1) return { kind: 'return', problem: 'the database is away', pauseMs: 7_000 };
      lane.close();
      return { kind: 'done' };
    };
    const receipts = three().map(() => receiptFrom('user-service', 'order-service'));
    const handling = incoming.onMessage(bundle(receipts), RECEIPTS, lane);
    await expect(handling).rejects.toMatchObject({ pauseMs: 7_000 });
    await expect(handling).rejects.toThrow(ComesAgainError);
    expect(applied).toBe(2);
  });
});
