import fc from 'fast-check';
import { BrokenFrameError, FrameReader } from './frame-reader';

const LIMIT = 100_000;

describe('a frame reader', () => {
  it('finds the texts of all frames, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (values, cuts) => {
          const texts = values.map((value) => JSON.stringify(value));
          const stream = Buffer.from(texts.map((text) => `${text.length}#${text}`).join(''));
          const reader = new FrameReader(LIMIT);
          const found: string[] = [];
          for (let at = 0, cut = 0; at < stream.length; cut += 1) {
            const size = cuts[cut % cuts.length]!;
            found.push(...reader.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(found).toEqual(texts);
          expect(reader.underWay).toBe(false);
        },
      ),
    );
  });

  it('ends any bytes as texts or as a broken frame, and never keeps more than a frame may have', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), fc.boolean(), (chunks, begun) => {
        const reader = new FrameReader(500);
        try {
          if (begun) reader.push(Buffer.from('400#{'));
          for (const chunk of chunks)
            for (const text of reader.push(chunk)) expect(text.length).toBeLessThanOrEqual(500);
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenFrameError);
        }
      }),
    );
  });

  it.each([
    ['no length', '#{}'],
    ['a length of nothing', '0#'],
    ['a sign', '-5#{}'],
    ['digits without end', '1'.repeat(9)],
    ['more than it may have', `${LIMIT + 1}#`],
    ['no object', '4#null'],
    ['more bytes than it may have', Buffer.concat([Buffer.from(`${LIMIT}#{`), Buffer.from('☕'.repeat(LIMIT / 2))])],
    ['half a character', Buffer.from([...Buffer.from('5#{'), 0xe2, 0x7d])],
    ['a character that does not fit', '2#{😀'],
  ])('refuses %s as soon as it sees it', (_, bytes) => {
    expect(() => new FrameReader(LIMIT).push(Buffer.from(bytes as string))).toThrow(BrokenFrameError);
  });

  it('holds at most twice of what a frame has sent, one byte at a time, and nothing once it is complete', () => {
    const bytes = 50_000;
    const reader = new FrameReader(600_000);
    reader.push(Buffer.from(`${bytes}#{`));
    for (let sent = 2; sent < bytes; sent += 1) {
      reader.push(Buffer.of(0x78));
      expect(reader.held).toBeLessThanOrEqual(2 * sent);
    }
    expect(reader.push(Buffer.of(0x78))).toHaveLength(1);
    expect(reader.held).toBe(0);
  });
});
