import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { JsonSocket } from '@nestjs/microservices';
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

  it('keeps at most twice of what a frame has sent, one byte at a time; a string per chunk takes many times more', () => {
    const [frames, bytes] = [5, 50_000];
    const sent = frames * bytes;
    const held = (push: () => (chunk: Buffer) => void): number => {
      const before = memory();
      const readers = Array.from({ length: frames }, push);
      for (const feed of readers) {
        feed(Buffer.from('500000#{'));
        for (let n = 1; n < bytes; n += 1) feed(Buffer.of(0x78));
      }
      const after = memory();
      expect(readers).toHaveLength(frames); // alive until here
      return after - before;
    };
    const bound = 2 * sent + 250_000;
    expect(
      held(() => {
        const reader = new FrameReader(600_000);
        return (chunk) => void reader.push(chunk);
      }),
    ).toBeLessThan(bound);
    const ofNest = held(() => {
      const socket = new Socket();
      new JsonSocket(socket, { incompleteMessageTimeout: 0 });
      return (chunk) => void socket.emit('data', chunk);
    });
    expect(ofNest).toBeGreaterThan(3 * bound);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function memory(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
