import { accessSync, constants } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { execFile } from './processes';

/** A server's program, and where it finds the libraries that came with it. */
export interface Binary {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Where a program is looked for, and what Debian calls its package. */
export interface Program {
  /** For people. */
  readonly title: string;
  /** The program's file. */
  readonly file: string;
  /** The environment variable that may name another file. */
  readonly variable: string;
  /** Debian's packages: the program's first. */
  readonly packages: readonly string[];
}

/** There is no such program and no way to get it. The message says what to do. */
export class ProgramUnavailableError extends Error {
  override readonly name = 'ProgramUnavailableError';
}

/** Debian's packages, unpacked but not installed. `npm ci` empties it. */
const CACHE = join(__dirname, '../../../node_modules/.cache/tallystick');
/** What is taken out of the packages. */
const WANTED = /^usr\/s?bin\/[^/]+$|^(usr\/)?lib\/[^/]+\/[^/]+\.so\.[^/]+$/;

/**
 * A server's program, by the first way that works: what its environment variable names · an installed one · Debian's
 * package, downloaded and unpacked into a cache folder, which needs no rights and changes nothing outside of it.
 * @throws ProgramUnavailableError
 */
export async function findProgram(program: Program, onProgress: (line: string) => void = () => {}): Promise<Binary> {
  const given = process.env[program.variable];
  const installed = given ?? installedAs(program.file);
  if (installed !== undefined) {
    const binary = { file: installed, env: {} };
    if (await canRun(binary)) return binary;
    throw new ProgramUnavailableError(
      `${installed} does not run${given ? ` (the variable ${program.variable} names it)` : ''}.`,
    );
  }
  const cached = unpackedIn(join(CACHE, program.file), program);
  if (!(await canRun(cached))) await download(program, onProgress);
  return cached;
}

/** Where an installed program is, or undefined. */
export function installedAs(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Asking the operating system is simpler than checking the version of every library. */
async function canRun({ file, env }: Binary): Promise<boolean> {
  return execFile(file, ['--version'], { cwd: '/', env: { ...process.env, ...env } }).then(
    () => true,
    () => false,
  );
}

/** The program and its libraries, side by side. */
function unpackedIn(folder: string, { file }: Program): Binary {
  return { file: join(folder, file), env: { LD_LIBRARY_PATH: folder } };
}

async function download(program: Program, onProgress: (line: string) => void): Promise<void> {
  const cache = join(CACHE, program.file);
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(`${cache}-`);
  try {
    onProgress(`${program.title}: not installed, unpacking Debian's package into ${cache}`);
    const archives = await unpack(program.packages, folder);
    if (!(await canRun(unpackedIn(folder, program)))) await unpack(await librariesOf(archives), folder);
    for (const part of ['archives', 'contents']) await rm(join(folder, part), { recursive: true });
    await chmod(folder, 0o755);
    await rename(folder, cache);
  } catch (cause) {
    // Another process was faster: its copy is as good.
    if (await canRun(unpackedIn(cache, program))) return;
    const [name] = program.packages;
    throw new ProgramUnavailableError(
      `No ${program.title}, and Debian's package could not be fetched with "apt-get download ${program.packages.join(' ')}". Do one of ` +
        `these: install ${name} (it need not run) · set ${program.variable} to the path of the program.`,
      { cause },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Downloads Debian packages, and puts the programs and libraries in them into the folder. @returns the archives */
async function unpack(packages: readonly string[], folder: string): Promise<string[]> {
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

/** The packages they are linked to. Not the C library, which belongs to the loader of the machine. */
async function librariesOf(archives: readonly string[]): Promise<string[]> {
  const depends = await Promise.all(archives.map((archive) => execFile('dpkg-deb', ['-f', archive, 'Depends'])));
  const named = depends.flatMap(({ stdout }) =>
    [...stdout.matchAll(/(?<=^|[\s,])lib[^\s,(|]+/g)].map(([name]) => name),
  );
  return [...new Set(named)].filter((name) => name !== 'libc6');
}
