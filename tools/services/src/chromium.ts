import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ProgramUnavailableError } from './program';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
/** Of Debian and its children; the font has the Chinese characters. */
const PACKAGES = ['chromium', 'fonts-wqy-microhei'];

export interface FindChromiumOptions {
  /** May we `apt-get install` it where we are root on Debian? @default false: never changes the host unasked */
  readonly install?: boolean;
}

/**
 * The path of a Chromium: of CHROMIUM_PATH, else an installed one. Waits for all of it, so that a test file knows before its
 * tests are named.
 * @throws ProgramUnavailableError that says what to do
 */
export function findChromium({ install = false }: FindChromiumOptions = {}): string {
  const given = process.env.CHROMIUM_PATH;
  if (given) {
    if (existsSync(given)) return given;
    throw new ProgramUnavailableError(`CHROMIUM_PATH is ${given}, and there is no such file.`);
  }
  const found = chromiumInstalled() ?? (install && canInstall() ? installed() : undefined);
  if (found !== undefined) return found;
  throw new ProgramUnavailableError(
    'No Chromium. Do one of these: install it (on Debian "apt-get install chromium") · set CHROMIUM_PATH to a Chrome or Chromium · ' +
      'run as root on Debian, where it is installed for you.',
  );
}

function chromiumInstalled(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...paths, MAC].find((path) => existsSync(path));
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

function installed(): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args: string[]): boolean =>
    spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env }).status === 0;
  const install = (): boolean => run('install', '-y', '--no-install-recommends', ...PACKAGES);
  // Fresh images know no package at all.
  if (!install() && run('update')) install();
  return chromiumInstalled();
}
