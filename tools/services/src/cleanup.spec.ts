import { Cleanup } from './cleanup';

describe('Cleanup', () => {
  it('undoes in reverse order, once', async () => {
    const done: string[] = [];
    const cleanup = new Cleanup();
    cleanup.defer(() => done.push('first'));
    cleanup.defer(async () => done.push('second'));
    await cleanup.run();
    await cleanup.run();
    expect(done).toEqual(['second', 'first']);
  });

  it('goes on after a failure and then throws it', async () => {
    const stopped = jest.fn();
    const cleanup = new Cleanup();
    cleanup.defer(stopped);
    cleanup.defer(() => Promise.reject(new Error('no')));
    await expect(cleanup.run()).rejects.toThrow('no');
    expect(stopped).toHaveBeenCalled();
  });

  it('throws all failures together', async () => {
    const cleanup = new Cleanup();
    for (const name of ['a', 'b']) cleanup.defer(() => Promise.reject(new Error(name)));
    await expect(cleanup.run()).rejects.toMatchObject({ errors: [new Error('b'), new Error('a')] });
  });
});
