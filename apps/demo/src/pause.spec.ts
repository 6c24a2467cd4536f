import { PassThrough } from 'node:stream';
import { enterPressed, type Typist } from './pause';

function typist(isTTY: boolean): { stream: PassThrough; typist: Typist } {
  const stream = new PassThrough();
  return { stream, typist: Object.assign(stream, { isTTY }) as unknown as Typist };
}

describe('a pause', () => {
  it('waits for Enter at a terminal, each time anew', async () => {
    const { stream, typist: somebody } = typist(true);
    const { signal } = new AbortController();
    for (let chapter = 0; chapter < 2; chapter += 1) {
      let goesOn = false;
      const pause = enterPressed(somebody, signal).then(() => (goesOn = true));
      await new Promise(setImmediate);
      expect(goesOn).toBe(false);
      stream.write('\n');
      await pause;
    }
    expect(stream.isPaused()).toBe(true);
  });

  it('is none where nobody sits at a terminal', async () => {
    const { typist: nobody } = typist(false);
    await enterPressed(nobody, new AbortController().signal);
  });

  it('ends when the demo is to end', async () => {
    const { stream, typist: somebody } = typist(true);
    const ending = new AbortController();
    const pause = enterPressed(somebody, ending.signal);
    ending.abort(new Error('stopping'));
    await expect(pause).rejects.toThrow('stopping');
    expect(stream.isPaused()).toBe(true);
    await expect(enterPressed(somebody, ending.signal)).rejects.toThrow('stopping');
  });
});
