import { VirtualClock } from '../testing/memory/virtual-clock';
import { VerdictWatch } from './verdict-watch';

describe('who waits for news of a message', () => {
  let clock: VirtualClock;
  let watch: VerdictWatch;
  beforeEach(() => {
    clock = new VirtualClock();
    watch = new VerdictWatch(clock);
  });

  /** @returns whether it has come by now */
  async function has(news: Promise<void>): Promise<boolean> {
    let come = false;
    void news.then(() => (come = true));
    await clock.advance(0);
    return come;
  }

  it('is woken at once by those of this process', async () => {
    const news = watch.watch('a').within(1_000);
    watch.changed('a');
    expect(await has(news)).toBe(true);
  });

  it('does not miss what came before he began to wait, for he watched already', async () => {
    const watching = watch.watch('a');
    watch.changed('a');
    expect(await has(watching.within(1_000))).toBe(true);
  });

  it('is not woken by news of another one, but when his time is over', async () => {
    const news = watch.watch('a').within(1_000);
    watch.changed('b');
    expect(await has(news)).toBe(false);
    await clock.advance(1_000);
    expect(await has(news)).toBe(true);
  });

  it('leaves no timer behind when he goes', () => {
    const watching = watch.watch('a');
    void watching.within(1_000);
    watching.forget();
    expect(clock.nextAt).toBeUndefined();
  });
});
