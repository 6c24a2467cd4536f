import type { ConsumeMessage } from 'amqplib';
import { encode } from '../../message/envelope';
import { request } from '../../testing/transport-contract-scenario';
import { quarantineCopy } from './quarantine';
import { fromMessage, MAX_HEADER_BYTES, type Outgoing, publishProblem, toProperties } from './wire';

const outgoing = (properties: Outgoing['properties'], routingKey = 'order-service.order.requested'): Outgoing => ({
  exchange: 'outbox.requests',
  routingKey,
  body: Buffer.from('{}'),
  properties,
});
const incoming = (properties: object, content = Buffer.from('{}')): ConsumeMessage =>
  ({ content, properties, fields: { exchange: 'outbox.requests', routingKey: 'a.b' } }) as unknown as ConsumeMessage;

describe('what would end the connection is found before it is sent:', () => {
  it('nothing about an ordinary envelope', () => {
    expect(publishProblem(outgoing(toProperties(encode(request()), 'guest')))).toBeUndefined();
  });

  it.each([
    ['a routing key of 256 bytes', outgoing({}, 'ö'.repeat(128))],
    ['a long reply_to', outgoing({ replyTo: 'x'.repeat(256) })],
    ['a header named CC', outgoing({ headers: { CC: 'x' } })],
    ['a header named BCC', outgoing({ headers: { BCC: ['x'] } })],
    ['a header name of 256 bytes', outgoing({ headers: { ['x'.repeat(256)]: '' } })],
    ['a header that is a table', outgoing({ headers: { nested: {} } })],
    [
      'headers that are too large together',
      outgoing({ headers: { a: 'x'.repeat(MAX_HEADER_BYTES / 2), b: 'ö'.repeat(MAX_HEADER_BYTES / 4) } }),
    ],
  ])('%s', (_, bad) => {
    expect(publishProblem(bad)).toEqual(expect.any(String));
  });

  it('but a time that is none is left out, not sent', () => {
    expect(toProperties(encode(request({ recordedAt: 'yesterday' })), undefined).timestamp).toBeUndefined();
  });
});

describe('a body', () => {
  it('that is no UTF-8 is never guessed at', () => {
    expect(() => fromMessage(incoming({}, Buffer.from([0xff])))).toThrow('no UTF-8');
  });
});

const QUARANTINE = { exchange: 'outbox.quarantine', key: 'order-service' };

describe('the copy for a person', () => {
  it('always fits, whatever the sender put into the properties', () => {
    const hostile = { headers: { CC: ['x'], big: 'x'.repeat(60_000), table: {} }, replyTo: '\ufffd'.repeat(100) };

    const copy = quarantineCopy(incoming(hostile), QUARANTINE, 'x'.repeat(100_000));

    expect(publishProblem(copy)).toBeUndefined();
    expect(copy).toMatchObject({ exchange: 'outbox.quarantine', routingKey: 'order-service' });
    expect(copy.properties.headers).toMatchObject({ outbox_exchange: 'outbox.requests', outbox_routing_key: 'a.b' });
  });

  it('cannot expire, and is in the name of the one who makes it', () => {
    const { properties } = quarantineCopy(incoming({ expiration: '1', userId: 'somebody' }), QUARANTINE, 'why');

    expect(properties).not.toHaveProperty('expiration');
    expect(properties).not.toHaveProperty('userId');
    expect(properties.headers).toMatchObject({ outbox_user: 'somebody', outbox_problem: 'why' });
    const vouched = quarantineCopy(incoming({ userId: 'somebody' }), QUARANTINE, 'why', 'order-service');
    expect(vouched.properties.userId).toBe('order-service');
  });
});
