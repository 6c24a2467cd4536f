import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from './remove-folder';
import { until } from './until';

/** Puts empty files into a folder, as fast as it can, until there were this many or the folder is gone. */
const WRITER = 'n=0; while [ $n -lt "$2" ] && : 2>/dev/null > "$1/$n"; do n=$((n + 1)); done';

describe('removing a folder', () => {
  const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'tallystick-remove-'));

  it('succeeds though a process that is on its way out still writes there', async () => {
    const written = await folder();
    const writer = spawn('sh', ['-c', WRITER, 'writer', written, '2000'], { stdio: 'ignore' });
    const end = once(writer, 'exit');
    await until('the writer has begun', () => Promise.resolve(existsSync(join(written, '100'))));

    await removeFolder(written).finally(() => writer.kill());
    await end;
    expect(existsSync(written)).toBe(false);
  });

  it('has nothing to do where there is none', async () => {
    const missing = join(await folder(), 'missing');
    await expect(removeFolder(missing)).resolves.toBeUndefined();
    await removeFolder(join(missing, '..'));
  });
});
