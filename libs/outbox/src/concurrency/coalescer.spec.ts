import { VirtualClock } from '../testing/memory/virtual-clock';
import { Coalescer } from './coalescer';

describe('Coalescer', () => {
  function open(lingerMs = 10) {
    const flushes: number[][] = [];
    let release: (() => void)[] = [];
    const clock = new VirtualClock();
    const coalescer = new Coalescer<number, string>(
      clock,
      async (items) => {
        flushes.push(items);
        await new Promise<void>((resolve) => release.push(resolve));
        if (items.includes(13)) throw new Error('the database is gone');
        return items.map((item) => `wrote ${item}`);
      },
      { maxBatch: 3, lingerMs },
    );
    const finish = async (): Promise<void> => {
      const ending = release;
      release = [];
      for (const end of ending) end();
      await clock.advance(0);
    };
    return { coalescer, flushes, finish, clock };
  }

  it('waits a little for company, then writes one batch', async () => {
    const { coalescer, flushes, finish, clock } = open();
    const both = Promise.all([coalescer.add('a', 1), coalescer.add('b', 2)]);
    await clock.advance(9);
    expect(flushes).toEqual([]);
    await clock.advance(1);
    expect(flushes).toEqual([[1, 2]]);
    await finish();
    expect(await both).toEqual(['wrote 1', 'wrote 2']);
  });

  it('has one flush in flight; what arrives meanwhile goes with the next', async () => {
    const { coalescer, flushes, finish, clock } = open(0);
    const all = [coalescer.add('a', 1), coalescer.add('b', 2), coalescer.add('c', 3)];
    await clock.advance(0);
    expect(flushes).toEqual([[1]]);
    await finish();
    expect(flushes).toEqual([[1], [2, 3]]);
    await finish();
    expect(await Promise.all(all)).toEqual(['wrote 1', 'wrote 2', 'wrote 3']);
  });

  it('rests as long as a flush of several took, so that more gather; a full batch does not wait', async () => {
    const { coalescer, flushes, finish, clock } = open();
    const add = (item: number): void => void coalescer.add(String(item), item);
    [1, 2].forEach(add);
    await clock.advance(10 + 20);
    await finish();
    add(3);
    await clock.advance(19);
    expect(flushes).toEqual([[1, 2]]);
    await clock.advance(1);
    expect(flushes).toEqual([[1, 2], [3]]);
    await clock.advance(5);
    [4, 5, 6].forEach(add);
    await finish();
    expect(flushes).toEqual([[1, 2], [3], [4, 5, 6]]);
  });

  it('does not rest after a flush of one: one after another, each goes at once', async () => {
    const { coalescer, flushes, finish, clock } = open(0);
    for (const item of [1, 2, 3]) {
      const written = coalescer.add(String(item), item);
      await clock.advance(20);
      await finish();
      expect(await written).toBe(`wrote ${item}`);
    }
    expect(flushes).toEqual([[1], [2], [3]]);
  });

  it('rests for a moment only after a flush that hung', async () => {
    const { coalescer, flushes, finish, clock } = open();
    for (const item of [1, 2]) void coalescer.add(String(item), item);
    await clock.advance(30_000);
    void coalescer.add('c', 3);
    await finish();
    await clock.advance(50);
    expect(flushes).toEqual([[1, 2], [3]]);
    await finish();
  });

  it('lets those wait for company again that came during a flush', async () => {
    const { coalescer, flushes, finish, clock } = open();
    void coalescer.add('a', 1);
    await clock.advance(10);
    void coalescer.add('b', 2);
    await finish();
    await clock.advance(9);
    expect(flushes).toEqual([[1]]);
    await clock.advance(1);
    expect(flushes).toEqual([[1], [2]]);
  });

  it('never writes more than a batch at once', async () => {
    const { coalescer, flushes, finish, clock } = open();
    const all = [1, 2, 3, 4].map((item) => coalescer.add(String(item), item));
    await clock.advance(0);
    expect(flushes).toEqual([[1, 2, 3]]);
    await finish();
    await clock.advance(10);
    await finish();
    expect(await Promise.all(all)).toHaveLength(4);
  });

  it('says when what is on its way is written, and of nothing else', async () => {
    const { coalescer, finish, clock } = open(0);
    const all = [coalescer.add('a', 1), coalescer.add('b', 2)];
    expect(coalescer.writing('b')).toBeUndefined();
    const written = coalescer.writing('a')!;
    await finish();
    await written;
    expect(coalescer.writing('a')).toBeUndefined();
    await clock.advance(0);
    await finish();
    expect(await Promise.all(all)).toEqual(['wrote 1', 'wrote 2']);
  });

  it('holds a key once: the second to ask shares the first one’s result', async () => {
    const { coalescer, flushes, finish, clock } = open();
    const both = Promise.all([coalescer.add('a', 1), coalescer.add('a', 2)]);
    await clock.advance(10);
    await finish();
    expect(await both).toEqual(['wrote 1', 'wrote 1']);
    expect(flushes).toEqual([[1]]);
  });

  it('lets an item be taken back while it waits', async () => {
    const { coalescer, flushes, clock } = open();
    const taken = coalescer.add('a', 1);
    coalescer.withdraw('a', 'not needed');
    expect(await taken).toBe('not needed');
    await clock.advance(10);
    expect(flushes).toEqual([]);
  });

  it('lets an item wait its own time for company, not what is left of one that was taken back', async () => {
    const { coalescer, flushes, finish, clock } = open();
    void coalescer.add('a', 1);
    await clock.advance(6);
    void coalescer.add('b', 2);
    coalescer.withdraw('a', 'not needed');
    await clock.advance(9);
    expect(flushes).toEqual([]);
    void coalescer.add('c', 3);
    await clock.advance(1);
    expect(flushes).toEqual([[2, 3]]);
    await finish();
  });

  it('tells everybody in a batch that it failed, and goes on', async () => {
    const { coalescer, finish, clock } = open();
    const failing = Promise.allSettled([coalescer.add('a', 13), coalescer.add('b', 2)]);
    await clock.advance(10);
    await finish();
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = coalescer.add('c', 3);
    await clock.advance(10);
    await finish();
    expect(await next).toBe('wrote 3');
  });

  it('drains: writes at once what waits, and resolves when all is written', async () => {
    const { coalescer, flushes, finish, clock } = open();
    void coalescer.add('a', 1);
    let drained = false;
    void coalescer.drain().then(() => (drained = true));
    await clock.advance(0);
    expect([flushes, drained]).toEqual([[[1]], false]);
    await finish();
    await clock.advance(0);
    expect(drained).toBe(true);
  });
});
