import { Lane, NotBegunError } from './lane';

describe('Lane', () => {
  it('runs so many at once and no more, in the order they came, also after failures', async () => {
    const lane = new Lane(2);
    const ends: (() => void)[] = [];
    const begun: number[] = [];
    const work = (number: number): Promise<void> =>
      lane.run(async () => {
        begun.push(number);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (number === 1) throw new Error('the first fails');
      });
    const all = [1, 2, 3, 4].map((number) => work(number).catch((error: Error) => error.message));
    await Promise.resolve();
    expect(begun).toEqual([1, 2]);
    for (let finished = 0; finished < 4; finished++) {
      ends[finished]!();
      await new Promise(setImmediate);
    }
    expect(begun).toEqual([1, 2, 3, 4]);
    expect(await Promise.all(all)).toEqual(['the first fails', undefined, undefined, undefined]);
  });

  it('once closed begins nothing, also not what waits, and lets what runs come to its end', async () => {
    const lane = new Lane(1);
    let end = (): void => {};
    const running = lane.run(() => new Promise<string>((resolve) => (end = () => resolve('done'))));
    const begun = jest.fn();
    const waiting = lane.run(begun);
    await Promise.resolve();
    lane.close();
    await expect(waiting).rejects.toThrow(NotBegunError);
    await expect(lane.run(begun)).rejects.toThrow(NotBegunError);
    end();
    expect(await running).toBe('done');
    expect(begun).not.toHaveBeenCalled();
  });
});

/** A task that ends when the test says so. */
function task() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = jest.fn(async () => {
    await ended;
    return 'done';
  });
  return { run, end };
}
const settled = (): Promise<void> => new Promise(setImmediate);

describe('A lane with little room', () => {
  it('runs as many tasks at once as it may, and the others in the order they came', async () => {
    const lane = new Lane(1, 2);
    const [first, second, third] = [task(), task(), task()];
    const results = [lane.runUnlessFull(first.run), lane.runUnlessFull(second.run), lane.runUnlessFull(third.run)];
    await settled();
    expect([first, second, third].map(({ run }) => run.mock.calls.length)).toEqual([1, 0, 0]);

    first.end();
    await settled();
    expect([first, second, third].map(({ run }) => run.mock.calls.length)).toEqual([1, 1, 0]);

    second.end();
    third.end();
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done']);
  });

  it('turns away whom it has no room for', async () => {
    const lane = new Lane(1, 0);
    const first = task();
    const running = lane.runUnlessFull(first.run);
    expect(await lane.runUnlessFull(task().run)).toBeUndefined();
    first.end();
    expect(await running).toBe('done');
  });

  it('has its place back after a task failed', async () => {
    const lane = new Lane(1, 0);
    await expect(lane.runUnlessFull(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await lane.runUnlessFull(async () => 'next')).toBe('next');
  });

  it('lets the impatient go, and gives the place to the next one', async () => {
    const lane = new Lane(1, 2);
    const [first, second, third] = [task(), task(), task()];
    const patience = new AbortController();
    const results = [
      lane.runUnlessFull(first.run),
      lane.runUnlessFull(second.run, patience.signal),
      lane.runUnlessFull(third.run),
    ];
    patience.abort();
    expect(await results[1]).toBeUndefined();
    first.end();
    third.end();
    expect(await results[2]).toBe('done');
    expect(second.run).not.toHaveBeenCalled();
  });

  it('when closed, turns away those who wait and those who come, and lets running tasks end', async () => {
    const lane = new Lane(1, 1);
    const first = task();
    const running = lane.runUnlessFull(first.run);
    const waiting = lane.runUnlessFull(task().run);
    lane.close();
    expect(await waiting).toBeUndefined();
    expect(await lane.runUnlessFull(task().run)).toBeUndefined();
    first.end();
    expect(await running).toBe('done');
  });
});
