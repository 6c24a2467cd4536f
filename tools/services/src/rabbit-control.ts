import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { uniqueName } from './names';
import { execFile } from './processes';

/** How to run `rabbitmqctl` against one broker. Plain data: it is handed to test processes as JSON. */
export interface CtlCommand {
  readonly file: string;
  /** What comes before the arguments of rabbitmqctl. */
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder that exists here, and that its rabbitmqctl can read. @default the temporary folder */
  readonly folder?: string;
  /** `erl_call`, a small C program that comes with Erlang; without it everything is asked through rabbitmqctl. */
  readonly call?: { readonly file: string; readonly args: readonly string[] };
}

/** Longest time one rabbitmqctl may take: against a broker that is stuck it waits without end. */
const CTL_TIMEOUT_MS = 90_000;

export interface RabbitUser {
  readonly name: string;
  /** @default a random one */
  readonly password?: string;
  /** Name or url of the virtual host the permissions are for. */
  readonly vhost: string;
  /** Regular expressions of resource names. @default `''`: nothing */
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
}

/** What can be done to a running broker, whoever started it, through its `rabbitmqctl`. */
export class RabbitControl {
  constructor(
    readonly url: string,
    readonly command: CtlCommand | undefined,
  ) {}

  get port(): number {
    return Number(new URL(this.url).port || 5672);
  }

  /** Can we do more to this broker than connect to it? */
  get supportsFaults(): boolean {
    return this.command !== undefined;
  }

  /** Runs `rabbitmqctl --quiet …` and returns what it prints. Takes about a second: it boots an Erlang machine. */
  ctl(...args: string[]): Promise<string> {
    return this.runCtl(args);
  }

  /** Stops RabbitMQ but not its Erlang machine: the port closes, queues and messages stay as they are. */
  async stopApp(): Promise<void> {
    await this.ctl('stop_app');
  }

  async startApp(): Promise<void> {
    await this.ctl('start_app');
  }

  /** Evaluates an Erlang expression inside the broker. @throws Error if it fails there */
  async evaluate(expression: string): Promise<void> {
    const answer = await this.call(expression);
    if (answer === undefined) await this.ctl('eval', `${expression}.`);
    else if (!succeeded(answer)) throw new Error(`The broker answered ${answer} to: ${expression}`);
  }

  /** Makes the broker write down which queues and bindings there are; left alone it takes a second or two. */
  async flush(): Promise<void> {
    // Mnesia's log has the definitions; the tables on disk have what quorum queues know of themselves.
    await this.evaluate('catch mnesia:sync_log(), [ok = dets:sync(Table) || Table <- dets:all()]');
  }

  /** Closes all connections, or those of one virtual host, as an operator would; clients are told the reason. */
  async closeConnections(reason: string, vhost?: string): Promise<void> {
    const scope = vhost === undefined ? ['--global'] : ['--vhost', vhostName(vhost)];
    await this.ctl('close_all_connections', ...scope, reason);
  }

  /**
   * An empty virtual host for one test file, with all rights for the user of `url`.
   * On a broker that was given to us (AMQP_URL) there is no way to make one: the answer is `url` itself, shared with
   * everybody, so names of exchanges and queues must then be unique by themselves.
   * @param name default: unique
   */
  async createVhost(name = uniqueName('vhost')): Promise<string> {
    if (!this.command) return this.url;
    const user = decodeURIComponent(new URL(this.url).username);
    const everything = { configure: '.*', write: '.*', read: '.*' };
    await this.define({ vhosts: [{ name }], permissions: [{ user, vhost: name, ...everything }] });
    return withPath(this.url, name);
  }

  /** Removes the virtual host with its connections, queues and messages. */
  async deleteVhost(nameOrUrl: string): Promise<void> {
    if (!this.command) return;
    const name = vhostName(nameOrUrl);
    const answer = await this.call(`ok = rabbit_vhost:delete(${binary(name)}, <<"tallystick">>)`);
    if (!succeeded(answer)) await this.ctl('delete_vhost', name);
  }

  /** Adds a user with rights in one virtual host, and returns the url to connect as that user. */
  async addUser(user: RabbitUser): Promise<string> {
    const { name, password = randomBytes(12).toString('hex'), configure = '', write = '', read = '' } = user;
    const vhost = vhostName(user.vhost);
    await this.define({
      users: [{ name, password, tags: '' }],
      permissions: [{ user: name, vhost, configure, write, read }],
    });
    const url = new URL(withPath(this.url, vhost));
    url.username = encodeURIComponent(name);
    url.password = encodeURIComponent(password);
    return url.href;
  }

  /**
   * No boot of an Erlang machine, or one where `add_vhost`, `add_user` and `set_permissions` take one each. By a file: from
   * its standard input, rabbitmqctl of 4.0 on Erlang 27 never reads to the end, and that of 4.3 on Erlang 29 ends with an error.
   */
  private async define(definitions: object): Promise<void> {
    const answer = await this.call(`ok = rabbit_definitions:import_raw(${binary(JSON.stringify(definitions))})`);
    if (succeeded(answer)) return;
    const file = join(this.command?.folder ?? tmpdir(), `${uniqueName('definitions')}.json`);
    try {
      await writeFile(file, JSON.stringify(definitions), { mode: 0o600, flag: 'wx' }); // passwords are in it
      await this.runCtl(['import_definitions', file]);
    } finally {
      await rm(file, { force: true });
    }
  }

  /** What costs rabbitmqctl a second, in a hundredth of it. @returns undefined where `erl_call` is not to be had */
  private async call(expression: string): Promise<string | undefined> {
    const { call, env } = this.command ?? {};
    if (!call) return undefined;
    const calling = execFile(call.file, [...call.args], { env: { ...process.env, ...env } });
    calling.child.stdin!.on('error', () => {}).end(`${expression}.\n`);
    // It may not be installed, or be of a time before it knew these arguments.
    return calling.then(
      ({ stdout }) => stdout,
      () => undefined,
    );
  }

  private async runCtl(args: string[]): Promise<string> {
    if (!this.command) {
      throw new Error(
        `The broker on port ${this.port} was given to us: rabbitmqctl ${args[0]} needs a broker that this package started.`,
      );
    }
    const { file, args: prefix, env } = this.command;
    const running = execFile(file, [...prefix, '--quiet', ...args], {
      env: { ...process.env, ...env },
      timeout: CTL_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    running.child.stdin!.on('error', () => {}).end();
    try {
      return (await running).stdout.trim();
    } catch (error) {
      if (!(error as { killed?: boolean }).killed) throw error;
      throw new Error(`rabbitmqctl ${args[0]} did not end within ${CTL_TIMEOUT_MS / 1000} s and was killed.`, {
        cause: error,
      });
    }
  }
}

function succeeded(answer: string | undefined): boolean {
  return answer?.startsWith('{ok,') ?? false;
}

/** Erlang escapes in a string what JSON does. */
function binary(text: string): string {
  return `<<${JSON.stringify(text)}/utf8>>`;
}

/** Can a client log in there? A port where nobody listens, and a user who may not, say so at once. */
export async function rabbitAnswers(url: string, timeoutMs = 2_000): Promise<boolean> {
  try {
    const connection = await connect(url, { timeout: timeoutMs });
    connection.on('error', () => {});
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

function withPath(url: string, vhost: string): string {
  const result = new URL(url);
  result.pathname = `/${encodeURIComponent(vhost)}`;
  return result.href;
}

function vhostName(nameOrUrl: string): string {
  return nameOrUrl.includes('://') ? decodeURIComponent(new URL(nameOrUrl).pathname.slice(1)) || '/' : nameOrUrl;
}
