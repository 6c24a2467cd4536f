import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@tallystick/services';
import { Progress } from '../harness/progress';
import { PEERS } from '.';
import { installPeers, PeersUnavailableError, PINNED } from './packages';

async function pinned<File>(name: string): Promise<File> {
  return JSON.parse(await readFile(join(PINNED, name), 'utf8')) as File;
}

describe('the peers', () => {
  it('are pinned, with everything they depend on, and come from whichever registry npm is told', async () => {
    const { dependencies } = await pinned<{ dependencies: Record<string, string> }>('package.json');
    expect(Object.keys(dependencies).sort()).toEqual(Object.keys(PEERS).sort());
    type Locked = { version: string; integrity?: string; resolved?: string; dependencies?: Record<string, string> };
    const { packages } = await pinned<{ packages: Record<string, Locked> }>('package-lock.json');
    const { '': root, ...locked } = packages;
    expect(root!.dependencies).toEqual(dependencies);
    for (const [name, version] of Object.entries(dependencies)) {
      expect(locked[`node_modules/${name}`]!.version).toBe(version);
    }
    for (const [name, { integrity, resolved }] of Object.entries(locked)) {
      expect([name, integrity, resolved]).toEqual([name, expect.stringMatching(/^sha512-/), undefined]);
    }
  });

  it('that cannot be installed leave nothing behind, and say what they are needed for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-peers-'));
    const env = {
      ...process.env,
      npm_config_registry: `http://127.0.0.1:${await freePort()}`,
      npm_config_cache: join(folder, 'npm'),
      npm_config_fetch_retries: '0',
    };
    try {
      const installing = installPeers(new Progress(true), { cache: join(folder, 'peers'), env });
      await expect(installing).rejects.toThrow(PeersUnavailableError);
      await expect(installing).rejects.toThrow(/could not be installed \(.*ECONNREFUSED.*needs the npm registry/);
      expect(await readdir(join(folder, 'peers'))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
