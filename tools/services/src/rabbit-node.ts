import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Guard } from './guard';
import { freePort, portAnswers } from './ports';
import { execFile, ServerProcess } from './processes';
import type { RabbitServer } from './rabbit';
import { rabbitAnswers, RabbitControl } from './rabbit-control';
import { rabbitInstalled } from './rabbit-installation';
import { removeFolder } from './remove-folder';

export interface RabbitOptions {
  /** @default a free one, never 5672 */
  port?: number;
  /** Lines for rabbitmq.conf, e.g. `{ consumer_timeout: '60000' }`. */
  settings?: Record<string, string>;
  /** To be enabled, e.g. `['rabbitmq_management']`. @default none */
  plugins?: readonly string[];
  /** Told what happens, a line each. */
  onProgress?: (line: string) => void;
}

/**
 * Starts a private node of the installed RabbitMQ: own name, ports, directory, cookie and port mapper, so that it
 * cannot meet the system's broker. User guest, password guest, loopback only. It ends with this process,
 * however that ends.
 */
export async function startRabbit(options: RabbitOptions = {}): Promise<RabbitServer> {
  return startPrivateNode(options);
}

/** What a node shares with the others of its cluster. */
export interface Membership {
  /** Erlang machines talk to each other if they know the same. */
  readonly cookie: string;
  /** The port of the port mapper that all of them register with. */
  readonly epmd: number;
  /** A node to join at the first start, by its Erlang name; undefined for the first one, which brings the port mapper. */
  readonly joins: string | undefined;
}

/** As {@link startRabbit}; with a membership as one of several. */
export async function startPrivateNode(options: RabbitOptions, membership?: Membership): Promise<PrivateNode> {
  const script = rabbitInstalled();
  if (!script)
    throw new Error('RabbitMQ is not installed here: no rabbitmq-server in the usual places (set RABBITMQ_HOME).');
  const epmd = membership?.epmd ?? (await freePort());
  const node = new PrivateNode(
    script,
    await mkdtemp(join(tmpdir(), 'tallystick-rabbitmq-')),
    { amqp: options.port ?? (await freePort()), distribution: await freePort(), epmd },
    options.onProgress ?? (() => {}),
    membership,
  );
  try {
    await node.prepare(options);
    await node.start();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

interface Ports {
  readonly amqp: number;
  /** Where rabbitmqctl talks to the node. */
  readonly distribution: number;
  /** Where Erlang's port mapper tells it the distribution port. */
  readonly epmd: number;
}

/** A disk or memory that looks full blocks publishers without a word, which a test would take for a bug of ours. */
const SETTINGS: Readonly<Record<string, string>> = { 'disk_free_limit.absolute': '1MB', 'log.file.level': 'info' };

/** A node that nobody else knows of. */
export class PrivateNode extends RabbitControl implements RabbitServer {
  readonly started = true;
  readonly origin: string;
  private readonly guard: Guard;
  private readonly environment: Record<string, string>;
  private portMapper?: ServerProcess;
  private server?: ServerProcess;
  private machine?: number;

  constructor(
    private readonly script: string,
    private readonly directory: string,
    private readonly ports: Ports,
    private readonly progress: (line: string) => void,
    private readonly membership?: Membership,
  ) {
    const environment = nodeEnvironment(directory, ports);
    super(`amqp://guest:guest@127.0.0.1:${ports.amqp}`, {
      file: join(dirname(script), 'rabbitmqctl'),
      args: [],
      env: environment, // its HOME holds the cookie
      folder: directory,
      call: {
        file: besideOrOnPath('erl_call', script),
        args: ['-address', `127.0.0.1:${ports.distribution}`, '-r', '-timeout', '60', '-e'],
      },
    });
    this.environment = environment;
    this.origin = `a private node of ${script} in ${directory}`;
    this.guard = new Guard(['rm', '-rf', directory]);
  }

  /** As Erlang knows it. */
  get name(): string {
    return this.environment.RABBITMQ_NODENAME!;
  }

  get pid(): number | undefined {
    return this.server?.running ? this.machine : undefined;
  }

  async prepare({ settings = {}, plugins = [] }: RabbitOptions): Promise<void> {
    const { cookie, joins } = this.membership ?? {};
    const discovery = joins && {
      'cluster_formation.peer_discovery_backend': 'classic_config',
      'cluster_formation.classic_config.nodes.1': joins,
    };
    const lines = Object.entries({ ...SETTINGS, ...discovery, ...settings }).map(
      ([key, value]) => `${key} = ${value}\n`,
    );
    await mkdir(join(this.directory, 'log'));
    await writeFile(this.environment.RABBITMQ_CONFIG_FILE!, lines.join(''));
    await writeFile(this.environment.RABBITMQ_ENABLED_PLUGINS_FILE!, `[${plugins.join(',')}].\n`);

    if (cookie !== undefined) await writeFile(join(this.directory, '.erlang.cookie'), cookie, { mode: 0o400 });
    if (joins !== undefined) return;

    // A node that finds no port mapper starts one that outlives it. Ours is a child, and listens on loopback only.
    const args = ['-port', String(this.ports.epmd), '-address', '127.0.0.1'];
    this.portMapper = await ServerProcess.spawn(await findEpmd(this.script), args, join(this.directory, 'epmd.log'), {
      cwd: '/',
    });
    this.guard.watch('KILL', this.portMapper.pid);
    await this.portMapper.becomesReady(() => portAnswers(this.ports.epmd), 5);
  }

  async start(): Promise<void> {
    if (this.server?.running) throw new Error(`RabbitMQ runs already (process ${this.pid}, port ${this.port}).`);
    this.progress(`RabbitMQ: starting a private node in ${this.directory}`);
    const server = await ServerProcess.spawn(this.script, [], join(this.directory, 'rabbitmq.log'), {
      cwd: this.directory,
      env: { ...process.env, ...this.environment },
    });
    this.server = server;
    this.guard.watch('KILL', -server.pid, ...(this.portMapper ? [this.portMapper.pid] : []));
    await server.becomesReady(() => rabbitAnswers(this.url), 100);
    this.machine = Number(await readFile(this.environment.RABBITMQ_PID_FILE!, 'utf8'));
    this.progress(`RabbitMQ: ready on port ${this.port} (process ${this.pid})`);
  }

  async kill(): Promise<void> {
    await this.server?.kill();
  }

  async stop(): Promise<void> {
    await this.server?.kill(); // an orderly end takes seconds, and nothing is to be kept
    await this.portMapper?.kill();
    this.guard.release();
    await removeFolder(this.directory);
  }
}

/** Everything that keeps a node apart from any other on this host, for the server and for rabbitmqctl. */
function nodeEnvironment(directory: string, ports: Ports): Record<string, string> {
  return {
    HOME: directory, // holds the cookie
    ERL_CRASH_DUMP: join(directory, 'erl_crash.dump'), // otherwise where the tests were started
    RABBITMQ_NODENAME: `tallystick-${randomBytes(4).toString('hex')}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_SCHEDULER_BIND_TYPE: 'u', // do not claim whole processor cores that the tests need too
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: join(directory, 'pid'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(directory, 'rabbitmq-env.conf'), // does not exist, so the system's is not read
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
  };
}

/** A tool of Erlang. A RabbitMQ that was brought has its own Erlang, and the machine perhaps none. */
function besideOrOnPath(tool: string, script: string): string {
  const beside = join(dirname(script), tool);
  return existsSync(beside) ? beside : tool;
}

/** Beside RabbitMQ or on the PATH next to `erl`, unless Erlang was unpacked by hand: then Erlang knows. */
async function findEpmd(script: string): Promise<string> {
  const file = besideOrOnPath('epmd', script);
  const found = await execFile(file, ['-help']).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (found) return file;
  const where = 'io:format("~s/erts-~s/bin/epmd", [code:root_dir(), erlang:system_info(version)]), halt().';
  const { stdout } = await execFile('erl', ['-noshell', '-eval', where]);
  return stdout;
}
