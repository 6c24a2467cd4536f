import { Lane } from './lane';

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
});
