import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from '../harness/progress';
import { ROOT } from '../harness/results-folder';

/** Which versions, and everything they depend on. */
export const PINNED = join(ROOT, 'bench', 'peers');
const FILES = ['package.json', 'package-lock.json'];
const CACHE = join(ROOT, 'node_modules', '.cache', 'bench-peers');
const INSTALL_WITHIN_MS = 120_000;

export class PeersUnavailableError extends Error {
  constructor(options: { cause: unknown }) {
    const { stderr } = options.cause as { stderr?: string };
    const reason =
      /^npm (?:error|ERR!) (?!code |errno |syscall )(.+)$/m.exec(stderr ?? '')?.[1] ?? String(options.cause);
    super(
      `The packages of bench/peers could not be installed (${reason}). The first run of the scenario peers needs the npm ` +
        'registry; every other scenario runs without.',
      options,
    );
    this.name = 'PeersUnavailableError';
  }
}

/**
 * Installs the pinned peers on first use, into a folder of their own. No script of theirs runs.
 * @returns the folder
 * @throws PeersUnavailableError if that is not possible, usually for want of a network
 */
export async function installPeers(progress: Progress, { cache = CACHE, env = process.env } = {}): Promise<string> {
  const lock = await readFile(join(PINNED, 'package-lock.json'));
  const folder = join(cache, createHash('sha256').update(lock).digest('hex').slice(0, 12));
  if (existsSync(folder)) return folder;
  progress.line('  installing the peers (npm ci, once)');
  const unfinished = `${folder}.${process.pid}`;
  try {
    await mkdir(unfinished, { recursive: true });
    for (const file of FILES) await copyFile(join(PINNED, file), join(unfinished, file));
    // `--prefix`, because npm looks for another project when its folder lies below `node_modules`.
    const args = ['ci', '--prefix', unfinished, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', args, { cwd: unfinished, env, timeout: INSTALL_WITHIN_MS });
    // Another run may have been faster.
    if (!existsSync(folder)) await rename(unfinished, folder);
    return folder;
  } catch (error) {
    throw new PeersUnavailableError({ cause: error });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** A package of {@link installPeers}' folder. */
export function loadPeer<Module>(folder: string, name: string): Module {
  return createRequire(join(folder, 'package.json'))(name) as Module;
}

/** With its version, as results name it. */
export async function peerName(name: string): Promise<string> {
  const { dependencies } = JSON.parse(await readFile(join(PINNED, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return `${name} ${dependencies[name]}`;
}
