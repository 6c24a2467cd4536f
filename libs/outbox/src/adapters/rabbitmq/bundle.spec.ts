import type { ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { signedCodec } from '../../message/codec';
import { encode, type Envelope, type MessageEnvelope } from '../../message/envelope';
import { contentHash } from '../../message/payload';
import { request } from '../../testing/transport-contract-scenario';
import {
  BUNDLE_TYPE,
  bundleOf,
  isBundle,
  MAX_BUNDLE_BYTES,
  MAX_MEMBERS,
  memberOf,
  membersOf,
  TAKES_BUNDLES_HEADER,
} from './bundle';
import { fromMessage, type Outgoing, publishProblem, toProperties } from './wire';

const outgoing = (envelope: Envelope): Outgoing => {
  const wire = encode(envelope);
  const body = Buffer.from(wire.body);
  return { exchange: 'outbox.requests', routingKey: 'to.here', body, properties: toProperties(wire, 'users') };
};
const bundle = (members: readonly Outgoing[]): Outgoing => bundleOf(members.map(memberOf));
const arrived = ({ properties, body }: Outgoing, headers: object = {}): ConsumeMessage =>
  ({
    content: body,
    fields: { exchange: 'outbox.requests', routingKey: 'to.here' },
    properties: { ...properties, headers },
  }) as unknown as ConsumeMessage;
/** A bundle as anybody can write it. */
const forged = (head: unknown, bodies = ''): ConsumeMessage =>
  arrived({
    ...bundle([outgoing(request())]),
    body: Buffer.from(`${typeof head === 'string' ? head : JSON.stringify(head)}\n${bodies}`),
  });
const row = (bytes: unknown): unknown[] => [bytes, 'id', 'time', 1, 0, 0, 0, 0];

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const instants = fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true });
const messages: fc.Arbitrary<MessageEnvelope> = fc
  .record({
    id: fc.uuid(),
    key: fc.option(text, { nil: undefined }),
    payload: fc.json({ maxDepth: 3 }).map((json) => `${json} `),
    headers: fc.dictionary(
      fc.constantFrom('cloudEvents_correlationid', 'traceparent', 'tenant', 'größe', 'outbox_signature'),
      text,
    ),
    recordedAt: instants.map((date) => date.toISOString()),
    deadlineAt: fc.option(instants, { nil: undefined }),
  })
  .map(({ deadlineAt, ...message }) => ({ ...request(message), deadlineAt: deadlineAt?.toISOString() }));

describe('a bundle', () => {
  it('is its members, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(messages, { minLength: 1, maxLength: MAX_MEMBERS }), (envelopes) => {
        const alone = envelopes.map(outgoing);
        const whole = arrived(bundle(alone));

        const members = membersOf(whole);

        expect(isBundle(whole)).toBe(true);
        expect(members.map(({ content }) => content)).toEqual(alone.map(({ body }) => body));
        for (const [index, { properties }] of members.entries()) {
          const { headers, persistent, timestamp, ...said } = alone[index]!.properties;
          expect(properties).toEqual({ ...said, headers: { ...headers, [TAKES_BUNDLES_HEADER]: MAX_MEMBERS } });
        }
        const hashes = members.map((member) => contentHash('order.requested', fromMessage(member).body));
        expect(hashes).toEqual(envelopes.map(({ message }) => contentHash('order.requested', message.payload)));
      }),
      { numRuns: 100 },
    );
  });

  it('is never larger than it was counted', () => {
    const members = Array.from({ length: MAX_MEMBERS }, () => memberOf(outgoing(request({ key: 'ö' }))));
    const counted = members.reduce((sum, { bytes }) => sum + bytes, 0);
    const { body } = bundleOf(members);
    expect(body.length).toBeGreaterThan(counted);
    expect(body.length - counted).toBeLessThan(512);
  });

  it('passes on whom the broker vouches for and what it noted, whatever a member says of that', () => {
    const alone = outgoing(request({ headers: { 'x-death': 'never', tenant: 'a' } }));
    const noted = { 'x-death': [{ queue: 'elsewhere' }], 'x-delivery-count': 3, cloudEvents_source: 'mallory' };

    const [member] = membersOf(arrived(bundle([alone, alone]), noted));

    expect(member!.properties.userId).toBe('users');
    expect(member!.properties.headers).toMatchObject({
      'x-death': noted['x-death'],
      'x-delivery-count': 3,
      cloudEvents_source: 'user-service',
      tenant: 'a',
    });
  });

  it('holds the signature of each, and whoever changes one has changed one', () => {
    const codec = signedCodec({ sign: 'k', keys: { k: 'a secret of the services, of thirty-two bytes' } });
    const signed = ['{"a":1}', '{"a":2}', '{"a":3}'].map((payload) => {
      const wire = codec.encode(request({ payload }), 'order-service');
      return { ...outgoing(request()), body: Buffer.from(wire.body), properties: toProperties(wire, undefined) };
    });
    const read = (whole: Outgoing): string[] =>
      membersOf(arrived(whole)).map(
        (member) => codec.decode(fromMessage(member), 'order-service', { kind: 'request' }).kind,
      );
    const whole = bundle(signed);
    expect(read(whole)).toEqual(['message', 'message', 'message']);

    const altered = Buffer.from(whole.body.toString().replace('{"a":2}', '{"a":9}'));

    expect(read({ ...whole, body: altered })).toEqual(['message', 'malformed', 'message']);
  });

  it('can be published', () => {
    expect(publishProblem(bundle([outgoing(request()), outgoing(request())]))).toBeUndefined();
  });

  it.each([
    ['too large', forged('x'.repeat(MAX_BUNDLE_BYTES)), /bytes/],
    ['without a head', arrived({ ...bundle([outgoing(request())]), body: Buffer.from('{}') }), /valid JSON/],
    [
      'with a head that is no text',
      arrived({ ...bundle([outgoing(request())]), body: Buffer.from([0xff, 10]) }),
      /UTF-8/,
    ],
    ['with a head that is no list', forged({}), /head/],
    ['from nobody', forged(['order.requested', 0, 0, [row(0)]]), /head/],
    ['of bundles', forged([BUNDLE_TYPE, 'user-service', 0, [row(0)]]), /bundle of bundles/],
    ['of none', forged(['order.requested', 'user-service', 0, []]), /members/],
    ['of too many', forged(['order.requested', 'user-service', 0, Array(MAX_MEMBERS + 1).fill(row(0))]), /members/],
    ['of what is no row', forged(['order.requested', 'user-service', 0, [{ 0: 0 }]]), /members/],
    ['with a length below zero', forged(['order.requested', 'user-service', 0, [row(-1), row(1)]]), /members/],
    ['with a length that is none', forged(['order.requested', 'user-service', 0, [row('2')]], '{}'), /members/],
    ['shorter than its members', forged(['order.requested', 'user-service', 0, [row(3)]], '{}'), /lengths/],
    ['longer than its members', forged(['order.requested', 'user-service', 0, [row(1)]], '{}'), /lengths/],
    ['longer than can be', forged(['order.requested', 'user-service', 0, [row(2 ** 53 - 1), row(3)]], '{}'), /lengths/],
  ])('%s is refused as a whole, and without a word of its text', (_, bad, problem) => {
    expect(() => membersOf(bad)).toThrow(problem);
    expect(() => membersOf(bad)).not.toThrow('user-service');
  });

  it('of nonsense with lengths that are right is one nonsense each: whoever reads a member decides', () => {
    const rows = [[2, {}, [], null, 'x', 1, true, { __proto__: null, cloudEvents_id: 'mine', a: {} }], [0], [2, 'id']];
    const members = membersOf(forged(['order.requested', 'user-service', 'user-service', rows], '{}{}'));
    expect(members.map(({ content }) => content.toString())).toEqual(['{}', '', '{}']);
    expect(members[0]!.properties).toMatchObject({ messageId: undefined, headers: { cloudEvents_id: {} } });
  });
});
