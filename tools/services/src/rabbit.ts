import { canInstall } from './debian-install';
import { rabbitAnswers, RabbitControl, type RabbitUser } from './rabbit-control';
import { dockerAnswers, startRabbitContainer } from './rabbit-container';
import { installRabbit, rabbitInstalled } from './rabbit-installation';
import { startRabbit } from './rabbit-node';

/** A broker, and what may be done to it. On one that was given to us only `createVhost` and `deleteVhost` work. */
export interface RabbitServer {
  /** With user and password, of the default virtual host. */
  readonly url: string;
  readonly port: number;
  /** Did we start it? If not, its life is not our business. */
  readonly started: boolean;
  /** Where the broker came from, in one sentence. */
  readonly origin: string;
  /** Of the Erlang machine, while it runs on this host. */
  readonly pid?: number;
  readonly supportsFaults: boolean;
  /** Runs `rabbitmqctl --quiet …` against this node and returns what it prints. Takes about a second. */
  ctl(...args: string[]): Promise<string>;
  /** Evaluates an Erlang expression inside the broker, in milliseconds where Erlang's `erl_call` is installed. */
  evaluate(expression: string): Promise<void>;
  /** Stops RabbitMQ but not its Erlang machine: the port closes, queues and messages stay. */
  stopApp(): Promise<void>;
  startApp(): Promise<void>;
  /**
   * SIGKILL. `start()` brings it back.
   * RabbitMQ keeps what it knows of new queues in memory for a second or two: a queue declared just before has often
   * vanished, with its confirmed messages (3.10: a quorum queue is still there but never gets a leader). Call
   * `flush()` first, unless that is what you want to see.
   */
  kill(): Promise<void>;
  /** Starts again after `kill()`, on the same port, with the same queues and messages. */
  start(): Promise<void>;
  /** Makes the broker write down which queues and bindings there are. (Confirmed messages are written anyway.) */
  flush(): Promise<void>;
  /** @param vhost name or url; default: all */
  closeConnections(reason: string, vhost?: string): Promise<void>;
  /** An empty virtual host (its amqp url), or `url` itself where the broker was given to us. */
  createVhost(name?: string): Promise<string>;
  deleteVhost(nameOrUrl: string): Promise<void>;
  /** @returns the amqp url to connect as that user */
  addUser(user: RabbitUser): Promise<string>;
  /** Ends the node and removes what it wrote. Nothing happens to a broker that was given to us. Can be called twice. */
  stop(): Promise<void>;
}

export interface FindRabbitOptions {
  /** A broker to use as it is. @default the environment variable AMQP_URL */
  url?: string;
  /** May we `apt-get install` RabbitMQ where we are root on Debian? @default false: never changes the host unasked */
  install?: boolean;
  /** Told what happens, a line each. */
  onProgress?: (line: string) => void;
}

/** There is no broker and no way to get one. The message says what to do. */
export class RabbitUnavailableError extends Error {
  override readonly name = 'RabbitUnavailableError';
}

/** A broker that was given to us is there: it may be busy. */
const PATIENCE_MS = 30_000;

/**
 * A broker, by the first way that works: the given one · a private node of the installed RabbitMQ · the same after
 * installing it (if allowed) · a container. A given broker that does not answer is an error, not a reason to go on.
 */
export async function findRabbit(options: FindRabbitOptions = {}): Promise<RabbitServer> {
  const url = options.url ?? (process.env.AMQP_URL || undefined);
  const { onProgress } = options;
  if (url !== undefined) return useRabbit(url);
  if (rabbitInstalled()) return startRabbit({ onProgress });
  if (options.install && canInstall()) {
    await installRabbit(onProgress);
    return startRabbit({ onProgress });
  }
  if (await dockerAnswers()) return startRabbitContainer({ onProgress });
  throw new RabbitUnavailableError(
    'No RabbitMQ. Do one of these: install rabbitmq-server (it need not run) · start Docker · set AMQP_URL to a broker ' +
      'whose default virtual host may be written to.',
  );
}

async function useRabbit(url: string): Promise<RabbitServer> {
  if (await rabbitAnswers(url, PATIENCE_MS)) return new GivenRabbit(url, undefined);
  const { host } = new URL(url); // not the whole url: it holds a password
  throw new RabbitUnavailableError(
    `The broker of AMQP_URL (${host}) does not let us log in. Start it, or unset AMQP_URL.`,
  );
}

/** A broker of somebody else: we connect to it and leave it alone. */
class GivenRabbit extends RabbitControl implements RabbitServer {
  readonly started = false;
  readonly origin = 'the broker of AMQP_URL';

  async kill(): Promise<void> {
    throw new Error(`${this.origin} is not ours to kill.`);
  }

  async start(): Promise<void> {
    throw new Error(`${this.origin} is not ours to start.`);
  }

  async stop(): Promise<void> {}
}
