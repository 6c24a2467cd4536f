import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './tarball';

/** The signatures that users compile against, as they are committed: whoever changes one sees it in the commit. */
const COMMITTED = join(root, 'libs/outbox/api');

let folder: string;
let fresh: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tallystick-api-'));
  fresh = join(folder, 'fresh');
  await run(process.execPath, [join(__dirname, 'api.mjs'), fresh], { cwd: root });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function expectSame(committed: string, now: string): Promise<void> {
  await run('git', ['diff', '--no-index', '--no-color', committed, now], { cwd: root }).catch((error: Error) => {
    throw new Error(
      'The signatures of the library are not those of libs/outbox/api. If that is meant, write them with `npm run api`, ' +
        `and tell users of what breaks for them in CHANGELOG.md.\n${error.message}`,
    );
  });
}

describe('the signatures of the library', () => {
  it('are those that are committed', () => expectSame(COMMITTED, fresh));

  it.each([
    ['of a method', 'index.api.md', 'waitForVerdict(', 'verdictOf('],
    ['of what a handler is given', 'index.api.md', 'signal: AbortSignal', 'signal?: AbortSignal'],
    ['of the harness', 'testing.api.md', 'export class OutboxHarness', 'class OutboxHarness'],
  ])('are not the same after a change %s', async (_, file, from, to) => {
    const changed = await mkdtemp(join(folder, 'changed-'));
    await cp(fresh, changed, { recursive: true });
    const before = await readFile(join(changed, file), 'utf8');
    await writeFile(join(changed, file), before.replace(from, to));
    await expect(expectSame(changed, fresh)).rejects.toThrow('`npm run api`');
  });
});
