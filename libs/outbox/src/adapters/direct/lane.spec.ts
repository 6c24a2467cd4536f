import { Lane } from './lane';

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

describe('Lane', () => {
  it('runs as many tasks at once as it may, and the others in the order they came', async () => {
    const lane = new Lane(1, 2);
    const [first, second, third] = [task(), task(), task()];
    const results = [lane.run(first.run), lane.run(second.run), lane.run(third.run)];
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
    const running = lane.run(first.run);
    expect(await lane.run(task().run)).toBeUndefined();
    first.end();
    expect(await running).toBe('done');
  });

  it('has its place back after a task failed', async () => {
    const lane = new Lane(1, 0);
    await expect(lane.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await lane.run(async () => 'next')).toBe('next');
  });

  it('lets the impatient go, and gives the place to the next one', async () => {
    const lane = new Lane(1, 2);
    const [first, second, third] = [task(), task(), task()];
    const patience = new AbortController();
    const results = [lane.run(first.run), lane.run(second.run, patience.signal), lane.run(third.run)];
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
    const running = lane.run(first.run);
    const waiting = lane.run(task().run);
    lane.close();
    expect(await waiting).toBeUndefined();
    expect(await lane.run(task().run)).toBeUndefined();
    first.end();
    expect(await running).toBe('done');
  });
});
