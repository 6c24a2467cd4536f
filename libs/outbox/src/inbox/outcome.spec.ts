import type { CancelEnvelope, MessageEnvelope } from '../message/envelope';
import { contentHash } from '../message/payload';
import type { InboxMessage, InboxRow } from '../ports/store';
import { eventOf, notBegun, receiptOf } from './outcome';

const AT = '2026-01-01T00:00:00Z';
const HASH = Buffer.from(contentHash('order.requested', '{}'), 'hex');
const message: InboxMessage = {
  ...{ messageId: 'm', consumer: 'order-service', source: 'user-service', recordedAt: AT, deadlineAt: undefined },
  payloadHash: HASH,
};
const row: InboxRow = {
  ...{ verdict: 'accepted', reason: undefined, result: { orderId: 'o-1' } },
  ...{ payloadHash: HASH, receivedAt: '2026-01-01T00:00:01Z' },
};
const envelope: MessageEnvelope = {
  ...{ kind: 'message', attempt: 2, deadlineAt: undefined, replyTo: 'user-service' },
  message: {
    ...{ id: 'm', type: 'order.requested', source: 'user-service', key: undefined },
    ...{ payload: '{}', headers: {}, recordedAt: AT },
  },
};
const cancel = { kind: 'cancel', messageId: 'm', source: 'user-service', recordedAt: AT, attempt: 1 } as CancelEnvelope;

describe('a message that was not begun', () => {
  it('is answered from its row, if that is about the same content', () => {
    expect(notBegun(message, { kind: 'known', row })).toEqual({ kind: 'verdict', row, replayed: true });
  });

  it('is answered from its row also where one of both does not know the content: a cancel came first', () => {
    const known = { kind: 'known', row: { ...row, payloadHash: undefined } } as const;
    expect(notBegun(message, known)).toMatchObject({ kind: 'verdict' });
    expect(notBegun({ ...message, payloadHash: undefined }, { kind: 'known', row })).toMatchObject({ kind: 'verdict' });
  });

  it('cannot be answered if its id was used for another one, or if it is out of its time', () => {
    const other = { ...message, payloadHash: Buffer.from('other') };
    expect(notBegun(other, { kind: 'known', row })).toMatchObject({ code: 'ID_COLLISION' });
    expect(notBegun(message, { kind: 'EXPIRED' })).toMatchObject({ kind: 'unprocessable', code: 'EXPIRED' });
    expect(notBegun(message, { kind: 'CLOCK' })).toMatchObject({ kind: 'unprocessable', code: 'CLOCK' });
  });
});

describe('the receipt', () => {
  it('of a verdict says what was judged, when, and for which attempt', () => {
    const receipt = receiptOf({ kind: 'verdict', row, replayed: false }, envelope, 'order-service');
    expect(receipt).toEqual({
      ...{ messageId: 'm', consumer: 'order-service', attempt: 2, recordedAt: row.receivedAt },
      ...{ verdict: 'accepted', payloadHash: HASH.toString('hex'), result: { orderId: 'o-1' } },
    });
  });

  it('of a failure says not yet, about the content that came', () => {
    const receipt = receiptOf({ kind: 'deferred', error: new Error('no stock today') }, envelope, 'order-service');
    expect(receipt).toMatchObject({ verdict: 'deferred', recordedAt: AT, payloadHash: HASH.toString('hex') });
  });
});

it('tells the first verdict apart from the next, and a cancel from a message', () => {
  const events = [
    eventOf({ kind: 'verdict', row, replayed: false }, envelope, 'order-service', 5),
    eventOf({ kind: 'verdict', row, replayed: true }, envelope, 'order-service', 5),
    eventOf({ kind: 'verdict', row, replayed: false }, cancel, 'order-service', 5),
    eventOf({ kind: 'twin' }, envelope, 'order-service', 5),
  ];
  expect(events.map(({ event }) => event)).toEqual([
    'inbox.handled',
    'inbox.replayed',
    'inbox.cancelled',
    'inbox.twin-in-progress',
  ]);
});
