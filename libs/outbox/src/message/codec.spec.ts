import { PLAIN, SIGNATURE_HEADER, signedCodec } from './codec';
import type { Envelope, UntrustedWireEnvelope } from './envelope';

const id = '018f0000-0000-7000-8000-000000000001';
const other = '018f0000-0000-7000-8000-000000000002';
const keys = { k1: 'the first secret, thirty-two bytes and more', k2: 'the second secret, thirty-two bytes and more' };
const codec = signedCodec({ sign: 'k1', keys });
const receipt: Envelope = {
  kind: 'receipt',
  to: 'user-service',
  receipt: {
    messageId: id,
    consumer: 'order-service',
    attempt: 1,
    recordedAt: '2026-11-22T10:00:01Z',
    verdict: 'accepted',
  },
};
const cancel: Envelope = {
  kind: 'cancel',
  messageId: id,
  source: 'user-service',
  recordedAt: '2026-11-22T10:00:01Z',
  attempt: 1,
  replyTo: 'user-service',
};
const signed = codec.encode(receipt, 'user-service');
const refused = {
  kind: 'malformed',
  problem: expect.stringMatching(/^UNTRUSTED: /),
  untrusted: { messageId: expect.any(String), consumer: 'order-service' },
};

function with_(header: string, value: unknown): UntrustedWireEnvelope {
  return { ...signed, headers: { ...signed.headers, [header]: value } };
}

describe('signed receipts and cancels', () => {
  it('are taken from whoever has the key', () => {
    expect(codec.decode(signed, 'user-service')).toEqual(receipt);
    expect(codec.decode(codec.encode(cancel, 'order-service'), 'order-service')).toEqual(cancel);
  });

  it.each([
    [
      'with another verdict',
      { ...signed, body: signed.body.replace('accepted', 'rejected","reason":{"code":"X"},"x":"') },
    ],
    ['about another message', with_('cloudEvents_correlationid', other)],
    ['for another attempt', with_('cloudEvents_attempt', 2)],
    ['recorded at another time', with_('cloudEvents_time', '2026-11-23T10:00:01Z')],
    ['without a signature', with_(SIGNATURE_HEADER, undefined)],
    ['with an empty signature', with_(SIGNATURE_HEADER, 'k1.')],
    ['with half a signature', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).slice(0, 30))],
    ['with a signature that is no text', with_(SIGNATURE_HEADER, { k1: 'x' })],
    ['with a key nobody knows', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'k9'))],
    [
      'with a key named like a method',
      with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'constructor')),
    ],
    ['with the wrong key', with_(SIGNATURE_HEADER, String(signed.headers[SIGNATURE_HEADER]).replace('k1', 'k2'))],
  ])('are refused %s', (_, forged) => {
    expect(codec.decode(forged, 'user-service')).toEqual(refused);
  });

  it('are refused by a service they were not meant for', () => {
    expect(codec.decode(signed, 'another-service')).toEqual(refused);
    expect(codec.decode(codec.encode(cancel, 'order-service'), 'stock-service')).toMatchObject({ kind: 'malformed' });
  });

  it('are accepted with an old key while it is in the ring, and not after', () => {
    const rotated = signedCodec({ sign: 'k2', keys });
    expect(rotated.decode(signed, 'user-service')).toEqual(receipt);
    const finished = signedCodec({ sign: 'k2', keys: { k2: keys.k2 } });
    expect(finished.decode(signed, 'user-service')).toEqual(refused);
  });

  it('leave messages alone, and cost nothing where nobody asked for them', () => {
    expect(PLAIN.encode(receipt, 'user-service').headers).not.toHaveProperty(SIGNATURE_HEADER);
  });
});
