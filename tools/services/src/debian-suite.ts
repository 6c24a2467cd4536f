import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from './processes';
import { cached } from './server-cache';

export type DebianSuite = 'trixie' | 'sid';

/** What is taken out of a suite, and the programs of it that are run from outside. */
const PACKAGES = ['rabbitmq-server', 'pgbouncer', 'mariadb-server-core', 'mariadb-client-core'];
const PROGRAMS = ['rabbitmq-server', 'rabbitmqctl', 'epmd', 'erl_call', 'pgbouncer', 'mariadbd', 'mariadb-install-db'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const MOUNTED = ['unshare', '--mount', '--propagation', 'private'] as const;

/**
 * Runs the program of its own name inside the Debian beside it. That sees this machine's processes, devices and temporary
 * files; the mounts are its own and end with it, so nobody has to remember to undo them.
 */
const ENTER = `#!/bin/sh
set -eu
here=$(dirname "$(realpath "$0")")
unset RABBITMQ_HOME MARIADB_HOME # how it was found, from outside; inside it is somewhere else
export PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin LC_ALL=C.UTF-8 TMPDIR="\${TMPDIR:-/tmp}"
exec ${MOUNTED.join(' ')} sh -euc '
  root=$1
  shift
  mkdir -p "$root$TMPDIR"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind "$TMPDIR" "$root$TMPDIR"
  exec chroot "$root" "$@"
' sh "$here/root" "$(basename "$0")" "$@"
`;

/** Why a Debian cannot be unpacked here; undefined if it can. */
export function debianObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'it is unpacked by root only (chroot, mount)';
  if (!existsSync('/usr/bin/apt-get')) return 'it is fetched with apt-get, which only Debian and its children have';
  return undefined;
}

/**
 * Another Debian in a folder of the cache, from the mirror that this machine uses. Nothing is installed into the machine.
 * Takes two minutes the first time.
 * @returns the folder of its programs, which run from there
 * @throws Error with what the failing command wrote
 */
export async function debianSuite(suite: DebianSuite, onProgress: (line: string) => void = () => {}): Promise<string> {
  const folder = await cached(['debian', suite, ...PACKAGES].join('-'), async (unfinished) => {
    const root = join(unfinished, 'root');
    onProgress(`Debian ${suite}: unpacking it, which takes minutes the first time`);
    await bootstrap(suite, root, unfinished);
    await writeFile(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 }); // no service starts
    for (const file of ['resolv.conf', 'hosts']) await copyFile(join('/etc', file), join(root, 'etc', file));
    await writeFile(join(root, 'etc/apt/apt.conf.d/99machine'), await settingsForMirror());

    onProgress(`Debian ${suite}: adding ${PACKAGES.join(', ')}`);
    await enter(unfinished);
    await run(join(unfinished, 'apt-get'), ['update']);
    await run(join(unfinished, 'apt-get'), ['install', '-y', '--no-install-recommends', ...PACKAGES]);
    await run(join(unfinished, 'apt-get'), ['clean']);
  });
  return folder;
}

async function bootstrap(suite: DebianSuite, root: string, scratch: string): Promise<void> {
  const folder = await debootstrap(scratch);
  const env = { DEBOOTSTRAP_DIR: join(folder, 'usr/share/debootstrap') };
  const keyring = existsSync(KEYRING) ? [`--keyring=${KEYRING}`] : [];
  const command = [join(folder, 'usr/sbin/debootstrap'), '--variant=minbase', ...keyring, suite, root, await mirror()];
  const [unshare, ...options] = MOUNTED;
  await run(unshare, [...options, ...command], env); // it mounts, too
}

/** A few shell scripts. Its package is unpacked, not installed. */
async function debootstrap(scratch: string): Promise<string> {
  const folder = join(scratch, 'debootstrap');
  await mkdir(folder);
  await chmod(scratch, 0o755); // apt fetches as a user of its own
  const fetch = (): Promise<unknown> => run('apt-get', ['download', 'debootstrap'], {}, folder);
  await fetch().catch(async () => {
    await run('apt-get', ['update']); // fresh images know no package at all
    await fetch();
  });
  const [archive] = await readdir(folder);
  await run('dpkg-deb', ['-x', join(folder, archive!), folder]);
  return folder;
}

/** Links to one script, which runs what it is called. */
async function enter(folder: string): Promise<void> {
  await writeFile(join(folder, 'enter'), ENTER, { mode: 0o755 });
  for (const program of ['apt-get', ...PROGRAMS]) await symlink('enter', join(folder, program));
}

/** The first one that this machine fetches packages of Debian from. */
async function mirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(
    ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))].map((file) =>
      readFile(file, 'utf8').catch(() => ''),
    ),
  );
  const addresses = texts.flatMap((text) => [
    ...text.matchAll(/^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(https?:\S*\/debian\/?)(?=\s)/gm),
  ]);
  const [found] = addresses;
  if (found) return found[1]!;
  throw new Error('Neither /etc/apt/sources.list nor a file beside it names a mirror of Debian.');
}

/** What apt was told here about reaching the mirror, and about one that stands still. */
async function settingsForMirror(): Promise<string> {
  const { stdout } = await execFile('apt-config', ['dump']);
  return stdout
    .split('\n')
    .filter((line) => /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) /i.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

async function run(file: string, args: string[], env: NodeJS.ProcessEnv = {}, cwd = '/'): Promise<void> {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', ...env };
  try {
    await execFile(file, args, { cwd, env: environment, maxBuffer: 2 ** 26 });
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${[file, ...args].join(' ')} failed:\n${`${stdout}${stderr}`.trim().slice(-2_000)}`, { cause });
  }
}
