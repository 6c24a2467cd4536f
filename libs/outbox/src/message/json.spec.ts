import { CANCEL_TYPE, decode, encode, type MessageEnvelope } from './envelope';
import { MAX_JSON_DEPTH, readJson } from './json';

const message: MessageEnvelope = {
  kind: 'message',
  message: {
    id: '018f0000-0000-7000-8000-000000000001',
    type: 'order.requested',
    source: 'user-service',
    key: undefined,
    payload: '{}',
    headers: {},
    recordedAt: '2026-11-22T10:00:00Z',
  },
  attempt: 1,
  deadlineAt: undefined,
  replyTo: 'user-service',
};

describe('JSON from outside', () => {
  it.each([
    '{"__proto__": {"admin": true}}',
    '{"a": [{"b": {"__proto__": null}}]}',
    '{"\\u005f_proto__": {"admin": true}}',
    '{"\\u005f\\u005f\\u0070roto\\u005f\\u005f": 1}',
    '{ "__proto__" : [] }',
    '{"constructor": {"prototype": {"admin": true}}}',
    '{"a": {"constructor": {"prototype": {}}}}',
    '{"\\u0063onstructor": {"prototype": {}}}',
  ])('%s cannot reach a prototype', (text) => {
    expect(() => readJson(text)).toThrow('forbidden key');
    expect({}).not.toHaveProperty('admin');
  });

  it.each([
    ['lists', '['.repeat(10_000)],
    ['objects', '{"a":'.repeat(10_000)],
    ['both, and closed', '[{"a":'.repeat(5_000) + '1' + '}]'.repeat(5_000)],
    ['one level too deep', '['.repeat(MAX_JSON_DEPTH + 1) + ']'.repeat(MAX_JSON_DEPTH + 1)],
  ])('is refused before it is parsed when it nests without end: %s', (_, text) => {
    expect(() => readJson(text)).toThrow(`nested deeper than ${MAX_JSON_DEPTH} levels`);
  });

  it('may be as deep as allowed, and may speak of prototypes in its values', () => {
    expect(readJson('['.repeat(MAX_JSON_DEPTH) + ']'.repeat(MAX_JSON_DEPTH))).toBeInstanceOf(Array);
    expect(readJson('{"constructor": "Brunel", "text": "__proto__"}')).toEqual({
      constructor: 'Brunel',
      text: '__proto__',
    });
  });
});

describe('a type named like a part of every object', () => {
  it.each(['constructor', 'toString', 'hasOwnProperty'])('%s is a type like any other', (type) => {
    const wire = encode({ ...message, message: { ...message.message, type } });
    expect(decode(wire, 'order-service')).toMatchObject({ kind: 'message', message: { type } });
  });

  it('and so is a header of such a name: it is shown to handlers, and pollutes nothing', () => {
    const wire = encode(message);
    const headers = JSON.parse(`{"__proto__": "x", "constructor": "y"}`) as object;
    const read = decode({ ...wire, headers: { ...wire.headers, ...headers } }, 'order-service');
    expect(read).toMatchObject({ kind: 'message', message: { headers: { constructor: 'y' } } });
    expect(Object.getPrototypeOf(read.kind === 'message' && read.message.headers)).toBe(Object.prototype);
  });

  it.each(['__proto__', `${CANCEL_TYPE} `, `${CANCEL_TYPE}.`, 'outbox.receipts'])(
    '%s is no type of a message',
    (type) => {
      const wire = encode({ ...message, message: { ...message.message, type } });
      expect(decode(wire, 'order-service')).toMatchObject({
        kind: 'malformed',
        problem: expect.stringContaining('type'),
      });
    },
  );
});
