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
