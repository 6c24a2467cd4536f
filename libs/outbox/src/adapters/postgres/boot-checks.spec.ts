import { checkDurability } from './boot-checks';
import type { Database } from './database';

const SAFE = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', replica: 'false' };

describe('checkDurability', () => {
  const warningsFor = (settings: Partial<typeof SAFE>): Promise<string[]> => {
    const run = () => Promise.resolve({ rows: [{ ...SAFE, ...settings }], count: 1 });
    return checkDurability({ run } as unknown as Database);
  };

  it('has nothing to say about a safe server', async () => {
    expect(await warningsFor({})).toEqual([]);
    expect(await warningsFor({ synchronous_commit: 'local' })).toEqual([]);
  });

  it.each([
    [{ fsync: 'off' }, /fsync/],
    [{ full_page_writes: 'off' }, /full_page_writes/],
    [{ synchronous_commit: 'off' }, /synchronous_commit/],
    [{ replica: 'true' }, /read-only replica/],
  ])('warns of %j', async (settings, warning) => {
    expect(await warningsFor(settings)).toEqual([expect.stringMatching(warning)]);
  });
});
