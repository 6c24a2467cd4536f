import { accessSync, constants } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { execFile } from './processes';

/** A `pgbouncer`, and where it finds the libraries that came with it. */
export interface PgBouncerBinary {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** There is no PgBouncer and no way to get one. The message says what to do. */
export class PgBouncerUnavailableError extends Error {
  override readonly name = 'PgBouncerUnavailableError';
}

/** Debian's package, unpacked but not installed. `npm ci` empties it. */
const CACHE = join(__dirname, '../../../node_modules/.cache/tallystick/pgbouncer');
/** What is taken out of the packages. */
const WANTED = /^usr\/sbin\/pgbouncer$|^(usr\/)?lib\/[^/]+\/[^/]+\.so\.[^/]+$/;

/**
 * A PgBouncer, by the first way that works: the program named by the environment variable PGBOUNCER · an installed
 * one · Debian's package, downloaded and unpacked into a cache folder, which needs no rights and changes nothing
 * outside of it.
 */
export async function pgBouncerBinary(onProgress: (line: string) => void = () => {}): Promise<PgBouncerBinary> {
  const given = process.env.PGBOUNCER;
  const installed = given ?? installedPgBouncer();
  if (installed !== undefined) {
    const binary = { file: installed, env: {} };
    if (await canRun(binary)) return binary;
    throw new PgBouncerUnavailableError(
      `${installed} does not run${given ? ' (the variable PGBOUNCER names it)' : ''}.`,
    );
  }
  if (!(await canRun(unpackedIn(CACHE)))) await download(onProgress);
  return unpackedIn(CACHE);
}

function installedPgBouncer(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
  return folders.map((folder) => join(folder, 'pgbouncer')).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Asking the operating system is simpler than checking the version of every library. */
async function canRun({ file, env }: PgBouncerBinary): Promise<boolean> {
  return execFile(file, ['--version'], { cwd: '/', env: { ...process.env, ...env } }).then(
    () => true,
    () => false,
  );
}

/** The program and its libraries, side by side. */
function unpackedIn(folder: string): PgBouncerBinary {
  return { file: join(folder, 'pgbouncer'), env: { LD_LIBRARY_PATH: folder } };
}

async function download(onProgress: (line: string) => void): Promise<void> {
  await mkdir(dirname(CACHE), { recursive: true });
  const folder = await mkdtemp(`${CACHE}-`);
  try {
    onProgress(`PgBouncer: not installed, unpacking Debian's package into ${CACHE}`);
    const [archive] = await unpack(['pgbouncer'], folder);
    if (!(await canRun(unpackedIn(folder)))) await unpack(await librariesOf(archive!), folder);
    for (const part of ['archives', 'contents']) await rm(join(folder, part), { recursive: true });
    await chmod(folder, 0o755);
    await rename(folder, CACHE);
  } catch (cause) {
    // Another process was faster: its copy is as good.
    if (await canRun(unpackedIn(CACHE))) return;
    throw new PgBouncerUnavailableError(
      'No PgBouncer, and Debian\'s package could not be fetched with "apt-get download pgbouncer". Do one of these: ' +
        'install pgbouncer (it need not run) · set PGBOUNCER to the path of the program.',
      { cause },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Downloads Debian packages, and puts the programs and libraries in them into the folder. @returns the archives */
async function unpack(packages: string[], folder: string): Promise<string[]> {
  const archives = join(folder, 'archives');
  const contents = join(folder, 'contents');
  await mkdir(archives, { recursive: true });
  const fetch = (): Promise<unknown> =>
    execFile('apt-get', ['-o', 'Acquire::Retries=3', 'download', ...packages], { cwd: archives });
  await fetch().catch(async () => {
    await execFile('apt-get', ['update'], { maxBuffer: 2 ** 26 }); // fresh images know no package at all
    await fetch();
  });
  const files = (await readdir(archives)).map((name) => join(archives, name));
  for (const file of files) await execFile('dpkg-deb', ['-x', file, contents]);
  for (const path of await readdir(contents, { recursive: true })) {
    if (!WANTED.test(path)) continue;
    await cp(join(contents, path), join(folder, basename(path)), { verbatimSymlinks: true });
  }
  return files;
}

/** The packages it is linked to. Not the C library, which belongs to the loader of the machine. */
async function librariesOf(archive: string): Promise<string[]> {
  const { stdout } = await execFile('dpkg-deb', ['-f', archive, 'Depends']);
  return [...stdout.matchAll(/(?<=^|[\s,])lib[^\s,(|]+/g)].map(([name]) => name).filter((name) => name !== 'libc6');
}
