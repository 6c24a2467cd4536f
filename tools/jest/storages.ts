import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Gives up what a test file used of AsyncLocalStorage. Before Node 24 every one that was ever used is asked at every
 * promise of the process; each file has its own, and a worker runs a hundred files: the last ones took thirty times as long.
 */
const used = new Set<AsyncLocalStorage<unknown>>();
const { run } = AsyncLocalStorage.prototype;

beforeAll(() => {
  AsyncLocalStorage.prototype.run = function (this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
    used.add(this);
    return run.apply(this, args);
  } as typeof run;
});

afterAll(() => {
  AsyncLocalStorage.prototype.run = run;
  for (const storage of used) storage.disable();
});
