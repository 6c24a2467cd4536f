import { chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { Guard } from './guard';
import { freePort, portAnswers } from './ports';
import { serverAccount } from './postgres-binaries';
import type { PostgresDatabaseServer } from './postgres';
import { ServerProcess } from './processes';
import { findProgram, type Program } from './program';
import { removeFolder } from './remove-folder';

/** A pooler in front of a PostgreSQL. */
export interface PgBouncerServer {
  readonly port: number;
  readonly pid?: number;
  /** @param direct url of a database of the server behind it. @returns the url of that database through the pooler */
  url(direct: string): string;
  /** What its console answers, e.g. to `show pools`. */
  console(command: string): Promise<Record<string, unknown>[]>;
  /** Can be called twice. */
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  /** Lines for pgbouncer.ini over ours. */
  settings?: Record<string, string>;
  /** Told what happens, a line each. */
  onProgress?: (line: string) => void;
}

export const PGBOUNCER: Program = {
  title: 'PgBouncer',
  file: 'pgbouncer',
  variable: 'PGBOUNCER',
  packages: ['pgbouncer'],
};

/**
 * After each transaction the connection to the server goes back, and the next transaction gets the one that rested
 * longest: whoever counts on finding his session again is disappointed as soon as possible.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  pool_mode: 'transaction',
  server_round_robin: '1',
  default_pool_size: '20',
  // Its own ten minutes would hold the connections of every database whose tests are over.
  server_idle_timeout: '5',
  max_client_conn: '500',
  query_wait_timeout: '30',
  auth_type: 'trust',
  // Roles that tests create: it asks the server for them.
  auth_user: 'postgres',
  admin_users: 'postgres',
};

/** Starts a private PgBouncer in transaction mode, on loopback. It ends with this process, however that ends. */
export async function startPgBouncer(
  postgres: Pick<PostgresDatabaseServer, 'host' | 'port'>,
  options: PgBouncerOptions = {},
): Promise<PgBouncerServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tallystick-pgbouncer-'));
  const server = new PrivatePgBouncer(directory, await freePort(), options.onProgress ?? (() => {}));
  try {
    await server.start(postgres, { ...SETTINGS, ...options.settings });
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class PrivatePgBouncer implements PgBouncerServer {
  private readonly guard: Guard;
  private server?: ServerProcess;

  constructor(
    private readonly directory: string,
    readonly port: number,
    private readonly progress: (line: string) => void,
  ) {
    this.guard = new Guard(['rm', '-rf', directory]);
  }

  get pid(): number | undefined {
    return this.server?.running ? this.server.pid : undefined;
  }

  url(direct: string): string {
    const url = new URL(direct);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  async console(command: string): Promise<Record<string, unknown>[]> {
    const client = new Client(`postgresql://postgres@127.0.0.1:${this.port}/pgbouncer`);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(command)).rows;
    } finally {
      await client.end();
    }
  }

  async start(target: { host: string; port: number }, settings: Record<string, string>): Promise<void> {
    const { uid, gid } = serverAccount;
    if (uid !== undefined && gid !== undefined) await chown(this.directory, uid, gid);
    const { file, env } = await findProgram(PGBOUNCER, this.progress);
    const account = uid === undefined ? {} : { user: 'nobody' }; // it refuses to be root, and leaves that by itself

    const users = join(this.directory, 'users.txt');
    await writeFile(users, '"postgres" ""\n');
    const configuration = join(this.directory, 'pgbouncer.ini');
    const lines = Object.entries({
      listen_addr: '127.0.0.1',
      listen_port: String(this.port),
      unix_socket_dir: '',
      auth_file: users,
      ...account,
      ...settings,
    }).map(([name, value]) => `${name} = ${value}`);
    const databases = `* = host=${target.host} port=${target.port}`;
    await writeFile(configuration, ['[databases]', databases, '[pgbouncer]', ...lines, ''].join('\n'));

    this.server = await ServerProcess.spawn(file, [configuration], join(this.directory, 'pgbouncer.log'), {
      cwd: '/',
      env: { ...process.env, ...env },
    });
    this.guard.watch('KILL', this.server.pid);
    await this.server.becomesReady(() => portAnswers(this.port), 5);
    this.progress(`PgBouncer: ready on port ${this.port} (process ${this.pid}), before port ${target.port}`);
  }

  async stop(): Promise<void> {
    await this.server?.kill(); // it has nothing to write down
    this.guard.release();
    await removeFolder(this.directory);
  }
}
