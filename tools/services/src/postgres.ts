import { chown, mkdir, mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Guard } from './guard';
import { freePort } from './ports';
import { postgresBinaries, type PostgresBinaries, serverAccount } from './postgres-binaries';
import { PostgresDatabases } from './postgres-databases';
import { execFile, ServerProcess } from './processes';
import { removeFolder } from './remove-folder';
import { until } from './until';

/** What tests and programs may do with a PostgreSQL server, whoever started it. */
export interface PostgresDatabaseServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Did we start it? If not, its life is not our business. */
  readonly started: boolean;
  /** Where the server came from, in one sentence. */
  readonly origin: string;
  /** @param database default: `postgres` */
  url(database?: string): string;
  /**
   * @param name default: unique
   * @param template database to copy, by name or url; nobody may be connected to it
   * @returns the url of the new database
   */
  createDatabase(name?: string, template?: string): Promise<string>;
  /** Ends the connections to the database, then drops it. One that does not exist is fine. */
  dropDatabase(nameOrUrl: string): Promise<void>;
}

/** A server of our own, with everything that may happen to one. */
export interface PostgresServer extends PostgresDatabaseServer {
  /** The postmaster, while it runs. */
  readonly pid?: number;
  /** `fast` ends connections and writes everything down; `immediate` leaves a crash to recover from. */
  restart(mode: 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL for the postmaster and its children, as the out-of-memory killer would do. `start()` recovers. */
  kill(): Promise<void>;
  /** Starts again after `kill()`, on the same port, with the same data. */
  start(): Promise<void>;
  /** Ends the server and removes what it wrote, unless `directory` was given. Can be called twice. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** @default a free one, never 5432 */
  port?: number;
  /** Configuration parameters over ours, e.g. `{ fsync: 'off' }` where a test does not crash the machine. */
  settings?: Record<string, string>;
  /** Keeps the data between runs, in this directory. @default a temporary one, removed by `stop()` */
  directory?: string;
  /** Told what happens, a line each. */
  onProgress?: (line: string) => void;
}

/** `fsync` stays on: what tests claim about durability should be true. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
  wal_level: 'logical',
  max_prepared_transactions: '20',
};

/**
 * Starts a private PostgreSQL from the binaries that npm installed. It listens on loopback only, trusts everybody
 * there (user `postgres`, no password), and ends with this process, however that ends.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = new EmbeddedPostgres(
    options.directory ? resolve(options.directory) : await mkdtemp(join(tmpdir(), 'tallystick-postgres-')),
    options.directory !== undefined,
    options.port ?? (await freePort()),
    { ...SETTINGS, ...options.settings },
    options.onProgress ?? (() => {}),
  );
  try {
    await server.prepare();
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What PostgreSQL says when it finds somebody else in its data directory. */
const BUSY = /pre-existing shared memory block|lock file "postmaster.pid" already exists/;

/** Locale and time zone must not depend on the machine. */
const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };

class EmbeddedPostgres implements PostgresServer {
  readonly host = '127.0.0.1';
  readonly user = 'postgres';
  readonly started = true;
  readonly origin: string;
  private readonly databases: PostgresDatabases;
  private readonly data: string;
  private readonly guard: Guard;
  private binaries!: PostgresBinaries;
  private postmaster?: ServerProcess;
  private killed = false;

  constructor(
    private readonly directory: string,
    private readonly keep: boolean,
    readonly port: number,
    private readonly settings: Readonly<Record<string, string>>,
    private readonly progress: (line: string) => void,
  ) {
    this.origin = `a private PostgreSQL from npm in ${directory}`;
    this.databases = new PostgresDatabases(`postgresql://${this.user}@${this.host}:${port}/postgres`);
    this.data = join(directory, 'data');
    this.guard = new Guard(keep ? ['true'] : ['rm', '-rf', directory]);
  }

  get pid(): number | undefined {
    return this.postmaster?.running ? this.postmaster.pid : undefined;
  }

  url(database = 'postgres'): string {
    return this.databases.url(database);
  }

  createDatabase(name?: string, template?: string): Promise<string> {
    return this.databases.create(name, template);
  }

  dropDatabase(nameOrUrl: string): Promise<void> {
    return this.databases.drop(nameOrUrl);
  }

  /** Sees to binaries and a data directory that the account of the server can use. */
  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const { uid, gid } = serverAccount;
    if (uid !== undefined && gid !== undefined) await chown(this.directory, uid, gid);
    this.binaries = await postgresBinaries(this.directory);
    if (await exists(join(this.data, 'PG_VERSION'))) return;

    this.progress(`PostgreSQL: creating a cluster in ${this.data}`);
    const flags = ['-A', 'trust', '-U', this.user, '-E', 'UTF8', '--locale=C', '--no-sync'];
    await execFile(this.binaries.initdb, ['-D', this.data, ...flags], { ...serverAccount, cwd: '/', env: environment });
  }

  async start(): Promise<void> {
    if (this.pid !== undefined) throw new Error(`PostgreSQL runs already (process ${this.pid}, port ${this.port}).`);
    await until(`an earlier PostgreSQL lets go of ${this.data}`, () => this.launch(), { timeoutMs: 10_000 });
    this.killed = false;
    this.progress(`PostgreSQL: ready on port ${this.port} (process ${this.pid})`);
  }

  async restart(mode: 'fast' | 'immediate'): Promise<void> {
    await this.postmaster?.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.start();
  }

  async kill(): Promise<void> {
    this.killed = true;
    await this.postmaster?.kill();
  }

  async stop(): Promise<void> {
    // What a killed server had of the kernel's shared memory outlives it. Its successor finds and removes that.
    if (this.killed) await this.start();
    await this.postmaster?.end(this.keep ? 'SIGINT' : 'SIGQUIT');
    this.guard.release();
    if (!this.keep) await removeFolder(this.directory);
  }

  /** @returns false while an earlier server is still ending in this directory, or its orphaned children are */
  private async launch(): Promise<boolean> {
    const settings = Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', this.data, '-p', String(this.port), ...settings];
    const postmaster = await ServerProcess.spawn(this.binaries.postgres, args, join(this.directory, 'postgres.log'), {
      ...serverAccount,
      cwd: '/',
      env: environment,
    });
    this.postmaster = postmaster;
    this.guard.watch(this.keep ? 'INT' : 'QUIT', postmaster.pid);
    try {
      await postmaster.becomesReady(() => this.isReady(postmaster.pid), 10);
      return true;
    } catch (error) {
      if (BUSY.test((error as Error).message)) return false;
      throw error;
    }
  }

  /** As pg_ctl does it: the eighth line of the lock file is the state. A stale file has another process id. */
  private async isReady(pid: number): Promise<boolean> {
    const text = await readFile(join(this.data, 'postmaster.pid'), 'utf8').catch(() => '');
    const lines = text.split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
