import { Codec } from './codec';

const FIELDS = {
  left: ['idle', 'busy'],
  right: ['idle', 'busy'],
  owner: ['nobody', 'left', 'right'],
  counts: [0, 1, 2],
  flag: [false, true],
} as const;

const STATE = { left: 'idle', right: 'busy', owner: 'right', counts: 2, flag: true } as const;

describe('Codec', () => {
  it('gives back the state that it packed', () => {
    const codec = new Codec(FIELDS);
    codec.encode(STATE);
    expect(codec.decode(...codec.words)).toEqual(STATE);
  });

  it('changes the named fields and no other, the later change winning', () => {
    const codec = new Codec(FIELDS);
    codec.encode(STATE);
    codec.write(...codec.words, [{ owner: 'left', counts: 0 }, { counts: 1 }]);
    expect(codec.decode(...codec.words)).toEqual({ ...STATE, owner: 'left', counts: 1 });
  });

  it('packs two states that differ only in which twin is which into the same words', () => {
    const codec = new Codec(FIELDS, { actors: ['left', 'right'], owner: 'owner' });
    const packed = [STATE, { ...STATE, left: 'busy', right: 'idle', owner: 'left' } as const].map((state) => {
      codec.encode(state);
      codec.canonicalise();
      return [...codec.words];
    });
    expect(packed[0]).toEqual(packed[1]);
  });

  it('spreads more fields than fit one word over two', () => {
    const wide = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`field${index}`, [false, true]]));
    const codec = new Codec(wide);
    const state = Object.fromEntries(Object.keys(wide).map((name, index) => [name, index % 3 === 0]));
    codec.encode(state);
    expect(codec.decode(...codec.words)).toEqual(state);
    expect(() => new Codec({ ...wide, one: [false, true] })).toThrow('no room left for "one"');
  });

  it('names the field and its values when a step writes an impossible one', () => {
    const codec = new Codec(FIELDS);
    expect(() => codec.write(0, 0, [{ counts: 3 as 2 }])).toThrow('"counts" cannot be 3: 0, 1, 2.');
  });
});
