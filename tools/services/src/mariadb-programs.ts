import { join } from 'node:path';
import { canInstall, installPackage } from './debian-install';
import { serverAccount } from './postgres-binaries';
import { installedAs, isExecutable, ProgramUnavailableError } from './program';

/** MariaDB's programs, and how they are run with the rights of an account that has few. */
export interface MariaDbPrograms {
  readonly server: string;
  /** Creates a directory of data. */
  readonly install: string;
  /** Of the processes that are started. */
  readonly account: { readonly uid?: number; readonly gid?: number };
  /** What makes a program that is started as root change to it. */
  readonly flags: readonly string[];
}

/**
 * The MariaDB in the folder that MARIADB_HOME names, else an installed one, or undefined.
 * @throws Error if MARIADB_HOME has none: another version than the wanted one would be worse than no MariaDB
 */
export function mariaDbInstalled(): MariaDbPrograms | undefined {
  const home = process.env.MARIADB_HOME;
  if (!home) return programs(installedAs, { account: serverAccount, flags: [] });
  const folders = ['bin', 'sbin', 'scripts', ''].map((name) => join(home, name));
  const inHome = (name: string): string | undefined => folders.map((folder) => join(folder, name)).find(isExecutable);
  // One that was fetched enters another Debian first, and only root can do that.
  const flags = serverAccount.uid === undefined ? [] : [`--user=${serverAccount.uid}`];
  const found = programs(inHome, { account: {}, flags });
  if (!found) throw new Error(`MARIADB_HOME is ${home}, but mariadbd and mariadb-install-db are not both in it.`);
  return found;
}

/** The same; else, if that is allowed, Debian's package is installed. @throws ProgramUnavailableError */
export async function mariaDbPrograms(install: boolean, onProgress: (line: string) => void): Promise<MariaDbPrograms> {
  const found = mariaDbInstalled();
  if (found) return found;
  if (install && canInstall()) {
    onProgress('MariaDB: not installed, running "apt-get install mariadb-server-core"');
    await installPackage('mariadb-server-core');
    const fetched = mariaDbInstalled();
    if (fetched) return fetched;
  }
  throw new ProgramUnavailableError(
    'No MariaDB. Do one of these: install mariadb-server-core or mariadb-server (it need not run) · set MARIADB_HOME to a folder that ' +
      'has one · set MARIADB_URL or MYSQL_URL to a server where databases may be created, e.g. mysql://root@127.0.0.1:3306.',
  );
}

function programs(
  find: (name: string) => string | undefined,
  as: Pick<MariaDbPrograms, 'account' | 'flags'>,
): MariaDbPrograms | undefined {
  const [server, install] = [find('mariadbd'), find('mariadb-install-db')];
  return server !== undefined && install !== undefined ? { server, install, ...as } : undefined;
}
