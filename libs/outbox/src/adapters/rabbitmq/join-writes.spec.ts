import { Writable } from 'node:stream';
import { joinWrites } from './join-writes';

describe('what is written to a socket', () => {
  let calls: string[];
  let stream: Writable;
  beforeEach(() => {
    calls = [];
    stream = new Writable({
      decodeStrings: false,
      write: (chunk: string, _, done) => {
        calls.push(chunk);
        done();
      },
      writev: (chunks, done) => {
        calls.push(chunks.map(({ chunk }) => String(chunk)).join('+'));
        done();
      },
    });
    joinWrites(stream);
  });
  const turn = (): Promise<void> => new Promise(setImmediate);

  it('in one turn goes in one call, before anything else has its turn', async () => {
    let before: string[] | undefined;
    setImmediate(() => (before = [...calls]));
    for (const frame of ['a', 'b', 'c']) stream.write(frame);
    expect(calls).toEqual([]);
    await turn();
    expect(before).toEqual(['a+b+c']);
  });

  it('alone goes as it always did, in the turn in which it was written', async () => {
    stream.write('a');
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(calls).toEqual(['a']);
    await turn();
    stream.write('b');
    await turn();
    expect(calls).toEqual(['a', 'b']);
  });

  it('is told when there is no room, and when there is again', async () => {
    const drained = new Promise<void>((resolve) => stream.once('drain', resolve));
    expect(stream.write('x'.repeat(stream.writableHighWaterMark))).toBe(false);
    await drained;
    expect(stream.write('a')).toBe(true);
    await turn();
  });

  it('is written before the end, if the end comes in the same turn', async () => {
    stream.write('a');
    stream.write('b');
    await new Promise<void>((resolve) => stream.end(resolve));
    expect(calls).toEqual(['a+b']);
  });
});
