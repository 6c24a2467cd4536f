import { chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guard } from './guard';
import { MariaDbDatabases } from './mariadb-databases';
import { type MariaDbPrograms, mariaDbPrograms } from './mariadb-programs';
import { freePort } from './ports';
import { serverAccount } from './postgres-binaries';
import { execFile, ServerProcess } from './processes';
import { removeFolder } from './remove-folder';

/** What tests and programs may do with a MariaDB or MySQL server, whoever started it. */
export interface MariaDbDatabaseServer {
  /** Did we start it? If not, its life is not our business. */
  readonly started: boolean;
  /** Where the server came from, in one sentence. */
  readonly origin: string;
  /** @param database of this server */
  url(database: string): string;
  /** @param name default: unique. @returns the url of the new database */
  createDatabase(name?: string): Promise<string>;
  /** One that does not exist is fine. */
  dropDatabase(nameOrUrl: string): Promise<void>;
  /** What it calls itself, e.g. `10.11.19-MariaDB`. */
  version(): Promise<string>;
  /** Ends a server of ours and removes what it wrote. Can be called twice. */
  stop(): Promise<void>;
}

/** A server of our own, with everything that may happen to one. */
export interface MariaDbServer extends MariaDbDatabaseServer {
  readonly port: number;
  /** While it runs. */
  readonly pid?: number;
  /** SIGKILL, as the out-of-memory killer would do. `start()` recovers. */
  kill(): Promise<void>;
  /** Starts again after `kill()`, on the same port, with the same data. */
  start(): Promise<void>;
}

export interface MariaDbOptions {
  /** May we `apt-get install` MariaDB's server where we are root on Debian? @default false: never changes the host unasked */
  install?: boolean;
  /** Server variables over ours, by their names on the command line, e.g. `{ 'innodb-snapshot-isolation': 'ON' }`. */
  settings?: Record<string, string>;
  /** Told what happens, a line each. */
  onProgress?: (line: string) => void;
}

/** What is acknowledged is on disk, as by default: what tests claim about durability should be true. */
const SETTINGS: Readonly<Record<string, string>> = {
  'bind-address': '127.0.0.1',
  'skip-name-resolve': 'ON',
  'max-connections': '300',
  'innodb-log-file-size': '16M',
  'innodb-buffer-pool-size': '64M',
};
const USER = 'tallystick';
/** There is no password: whoever reaches the port of loopback may do everything. */
const ACCOUNT = `create user if not exists '${USER}'@'127.0.0.1';
grant all on *.* to '${USER}'@'127.0.0.1' with grant option;
`;

/**
 * A MariaDB, by the first way that works: the server of MARIADB_URL or MYSQL_URL, as it is · a private one of the program in
 * MARIADB_HOME · of the installed one · the same after installing it (if allowed).
 * @throws ProgramUnavailableError
 */
export async function findMariaDb(options: MariaDbOptions = {}): Promise<MariaDbDatabaseServer> {
  for (const variable of ['MARIADB_URL', 'MYSQL_URL']) {
    const url = process.env[variable];
    if (url) return given(url, variable);
  }
  return startMariaDb(options);
}

/** A private MariaDB on loopback. It ends with this process, however that ends. @throws ProgramUnavailableError */
export async function startMariaDb(options: MariaDbOptions = {}): Promise<MariaDbServer> {
  const { install = false, onProgress = () => {} } = options;
  const programs = await mariaDbPrograms(install, onProgress);
  const directory = await mkdtemp(join(tmpdir(), 'tallystick-mariadb-'));
  const settings = { ...SETTINGS, ...options.settings };
  const server = new PrivateMariaDb(directory, await freePort(), programs, settings, onProgress);
  try {
    await server.prepare();
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function given(url: string, variable: string): MariaDbDatabaseServer {
  const databases = new MariaDbDatabases(url);
  return {
    started: false,
    origin: `the server of ${variable}`,
    url: (database) => databases.url(database),
    createDatabase: (name) => databases.create(name),
    dropDatabase: (nameOrUrl) => databases.drop(nameOrUrl),
    version: () => databases.version(),
    stop: async () => {},
  };
}

class PrivateMariaDb implements MariaDbServer {
  readonly started = true;
  readonly origin: string;
  private readonly databases: MariaDbDatabases;
  private readonly guard: Guard;
  private readonly data: string;
  private server?: ServerProcess;

  constructor(
    private readonly directory: string,
    readonly port: number,
    private readonly programs: MariaDbPrograms,
    private readonly settings: Readonly<Record<string, string>>,
    private readonly progress: (line: string) => void,
  ) {
    this.origin = `a private MariaDB in ${directory}`;
    this.data = join(directory, 'data');
    this.databases = new MariaDbDatabases(`mysql://${USER}@127.0.0.1:${port}`);
    this.guard = new Guard(['rm', '-rf', directory]);
  }

  get pid(): number | undefined {
    return this.server?.running ? this.server.pid : undefined;
  }

  url(database: string): string {
    return this.databases.url(database);
  }

  createDatabase(name?: string): Promise<string> {
    return this.databases.create(name);
  }

  dropDatabase(nameOrUrl: string): Promise<void> {
    return this.databases.drop(nameOrUrl);
  }

  version(): Promise<string> {
    return this.databases.version();
  }

  async prepare(): Promise<void> {
    const { uid, gid } = serverAccount;
    if (uid !== undefined && gid !== undefined) await chown(this.directory, uid, gid);
    await writeFile(join(this.directory, 'account.sql'), ACCOUNT, { mode: 0o644 });
    // The tables of the system, which nobody else uses: without a password for root, who is then locked out of TCP anyway.
    const { install, account, flags } = this.programs;
    const settings = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', ...flags];
    await execFile(install, [...settings, `--datadir=${this.data}`, `--tmpdir=${this.directory}`], {
      ...account,
      cwd: '/',
    });
  }

  async start(): Promise<void> {
    const settings = Object.entries({
      ...this.settings,
      datadir: this.data,
      tmpdir: this.directory,
      socket: join(this.directory, 'socket'),
      port: String(this.port),
      'pid-file': join(this.directory, 'pid'),
      'init-file': join(this.directory, 'account.sql'),
    }).map(([name, value]) => `--${name}=${value}`);
    const server = await ServerProcess.spawn(
      this.programs.server,
      ['--no-defaults', ...settings, ...this.programs.flags],
      join(this.directory, 'mariadb.log'),
      { ...this.programs.account, cwd: '/' },
    );
    this.server = server;
    this.guard.watch('KILL', server.pid);
    // The port answers before the account is there.
    const answers = (): Promise<boolean> =>
      this.version().then(
        () => true,
        () => false,
      );
    await server.becomesReady(answers, 20);
    this.progress(`MariaDB: ready on port ${this.port} (process ${this.pid})`);
  }

  async kill(): Promise<void> {
    await this.server?.kill();
  }

  async stop(): Promise<void> {
    await this.server?.kill(); // what it has not written down yet is removed anyway
    this.guard.release();
    await removeFolder(this.directory);
  }
}
