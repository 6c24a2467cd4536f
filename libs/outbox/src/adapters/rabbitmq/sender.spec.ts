import type { CancelEnvelope, Envelope, MessageEnvelope, ReceiptEnvelope } from '../../message/envelope';
import { senderProblem } from './sender';

const messageId = '018f0000-0000-7000-8000-000000000001';
const recordedAt = '2026-11-22T10:00:01Z';
const receiptOf = (consumer: string): ReceiptEnvelope => ({
  kind: 'receipt',
  to: 'user-service',
  receipt: { messageId, consumer, attempt: 1, recordedAt, verdict: 'accepted', payloadHash: '5e'.repeat(32) },
});
const cancelOf = (source: string): CancelEnvelope => ({
  kind: 'cancel',
  ...{ messageId, source, recordedAt, attempt: 1, replyTo: source, reason: { code: 'CANCELLED' } },
});
const messageOf = (source: string, replyTo: string | undefined = source): MessageEnvelope => ({
  kind: 'message',
  message: { id: messageId, type: 'order.requested', source, key: undefined, payload: '{}', headers: {}, recordedAt },
  ...{ attempt: 1, deadlineAt: undefined, replyTo },
});
const problemOf = (
  envelope: Envelope,
  userId: unknown,
  users: Readonly<Record<string, string>> | undefined,
  headers = {},
): string | undefined => senderProblem(envelope, { userId, headers }, users);

describe.each([
  ['a receipt', receiptOf],
  ['a cancel', cancelOf],
  ['a request', messageOf],
  ['an announcement', (source: string): MessageEnvelope => ({ ...messageOf(source), replyTo: undefined })],
])('%s', (_, from) => {
  it('is believed if the broker let in the user of the service it is from', () => {
    expect(problemOf(from('order-service'), 'order-service', {})).toBeUndefined();
    expect(problemOf(from('order-service'), 'orders', { 'order-service': 'orders' })).toBeUndefined();
  });

  it.each([
    ['another user', 'mallory', {}, "the broker let in 'mallory'"],
    ['the user of another service', 'stock-service', { 'stock-service': 'stock' }, "let in 'stock-service'"],
    ['the default name of a service that has another user', 'order-service', { 'order-service': 'orders' }, 'let in'],
    ['no user', undefined, {}, 'vouches for nobody'],
    ['a user that is no text', ['order-service'], {}, 'vouches for nobody'],
  ])('is not believed with %s', (__, userId, users, problem) => {
    expect(problemOf(from('order-service'), userId, users)).toContain(problem);
  });

  it.each(['constructor', '__proto__', 'toString'])('from a service named %s gets no user from a prototype', (name) => {
    expect(problemOf(from(name), undefined, {})).toBeDefined();
    expect(problemOf(from(name), name, {})).toBeUndefined();
  });

  it('is not believed if another queue has passed it on, whoever sent it first', () => {
    const passedOn = { 'x-death': [{ queue: 'mail-service.detour', reason: 'expired' }] };
    const envelope = from('order-service');
    expect(problemOf(envelope, 'order-service', {}, passedOn)).toContain('another queue has passed it on');
    expect(problemOf(envelope, 'order-service', undefined, passedOn)).toBeUndefined();
  });

  it('is believed whoever sent it if nobody asked for the check', () => {
    expect(problemOf(from('order-service'), undefined, undefined)).toBeUndefined();
  });
});

it.each([
  ['a request', messageOf('user-service', 'mail-service')],
  ['a cancel', { ...cancelOf('user-service'), replyTo: 'mail-service' }],
])('%s asks for nobody else’s receipt', (_, envelope) => {
  expect(problemOf(envelope, 'user-service', {})).toContain('its receipt is to go to mail-service');
  expect(problemOf(envelope, 'user-service', undefined)).toBeUndefined();
});
