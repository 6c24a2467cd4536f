import type { ConnectionOptions } from 'node:tls';
import { InvalidOptionsError } from '../../errors';
import type { Duration } from '../../message/duration';
import { OptionReader } from '../../message/options';

export interface RabbitMqOptions {
  /**
   * Where the broker is: `'amqps://user:password@host:5671/vhost'`. Several are tried in turn.
   * @default the connection settings of golevelup's `AmqpConnection`, wherever the application imports RabbitMQModule
   */
  url?: string | readonly string[];
  /**
   * Start of the names of the exchanges: `outbox.requests` and so on. Change it if these names are taken in your virtual
   * host, in all services at once. (Queues are named after the services.)
   * @default 'outbox'
   */
  prefix?: string;
  /**
   * The user this service logs in as. The broker then vouches for it on everything the service sends, and the service
   * takes messages, cancels and receipts only from the users of the services that they claim to come from. Set it in all services,
   * each with a user of its own.
   * @default no name is sent, and none is checked
   */
  user?: string;
  /**
   * The users of services that log in under another name than their own: `{ 'order-service': 'orders' }`.
   * @default every service logs in under its own name
   */
  users?: Readonly<Record<string, string>>;
  /**
   * Longest time to wait for the broker's confirm. What takes longer is *unknown* and sent again later. Raise it for a
   * cluster with slow disks.
   * @default '10s'
   */
  publishTimeout?: Duration;
  /**
   * Seconds between heartbeats; a peer that says nothing for two of them is gone. Lower ones find a dead network
   * sooner, and take a busy process for a dead one more often.
   * @default 15, or what golevelup's `AmqpConnection` is set to
   */
  heartbeatSeconds?: number;
  /**
   * A queue that brought nothing for this long is declared and subscribed anew, because a subscription can die without
   * a word. Lower it if people delete queues or bindings in production.
   * @default '60s'
   */
  idleResubscribe?: Duration;
  /**
   * Under load, first copies of requests that are ready while another to the same queue is being published travel in one
   * AMQP message, and so do receipts: only to services that said they take that, at most 64 and 128 KiB. A message that
   * has no company travels as it always does. False: this service bundles nothing and asks for nothing bundled (what comes
   * bundled all the same is read). Say so before you replace it by a version that cannot read bundles.
   * @default true
   */
  bundles?: boolean;
  /**
   * For `amqps`: `ca`, `cert`, `key`, … as `tls.connect` takes them. Certificates are verified unless you say otherwise.
   * @default the `connectionOptions` of golevelup's `AmqpConnection` if its settings are used, else none
   */
  tls?: ConnectionOptions;
}

/** The options, checked and filled up. */
export interface RabbitMqSettings {
  readonly urls: readonly string[];
  readonly prefix: string;
  readonly user: string | undefined;
  /** Whom messages, cancels and receipts are taken from; undefined: from anybody. */
  readonly users: Readonly<Record<string, string>> | undefined;
  readonly publishTimeoutMs: number;
  readonly heartbeatSeconds: number | undefined;
  readonly idleResubscribeMs: number;
  readonly bundles: boolean;
  readonly tls: ConnectionOptions | undefined;
}

export const DEFAULT_HEARTBEAT_SECONDS = 15;
/** It travels as 16 bits (AMQP 0-9-1, `connection.tune`). */
const MAX_HEARTBEAT_SECONDS = 65_535;
const KNOWN = [
  'url',
  'prefix',
  'user',
  'users',
  'publishTimeout',
  'heartbeatSeconds',
  'idleResubscribe',
  'bundles',
  'tls',
];
/** Short enough for `<prefix>.announcements` to stay within the 255 bytes of a name. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws InvalidOptionsError with all problems; never with a url, which may hold a password */
export function rabbitMqSettings(options: RabbitMqOptions): RabbitMqSettings {
  const reader = new OptionReader(options, KNOWN);
  const { problems } = reader;
  const urls = options.url === undefined ? [] : [options.url].flat();
  if (options.url !== undefined && urls.length === 0) problems.push('url is an empty list');
  urls.forEach((url, index) => {
    if (!isBrokerUrl(url)) {
      problems.push(`url ${index + 1} of ${urls.length} is none; write 'amqp://user:password@host:5672/vhost'`);
    }
  });
  const { prefix = 'outbox' } = options;
  if (!PREFIX.test(prefix)) problems.push(`prefix is ${JSON.stringify(prefix)}; it must match ${PREFIX.source}`);
  problems.push(...userProblems(options));
  const settings = {
    urls,
    prefix,
    user: options.user,
    users: options.user === undefined ? undefined : (options.users ?? {}),
    publishTimeoutMs: reader.duration('publishTimeout', options.publishTimeout, '10s'),
    heartbeatSeconds: reader.whole('heartbeatSeconds', options.heartbeatSeconds, undefined, 1, MAX_HEARTBEAT_SECONDS),
    idleResubscribeMs: reader.duration('idleResubscribe', options.idleResubscribe, '60s'),
    bundles: reader.flag('bundles', options.bundles, true),
    tls: options.tls,
  };
  if (problems.length > 0) throw new InvalidOptionsError(problems.map((problem) => `rabbitMq(): ${problem}`));
  return settings;
}

function userProblems({ user, users }: RabbitMqOptions): string[] {
  const named: [string, unknown][] = Object.entries(users ?? {}).map(([service, name]) => [
    `users['${service}']`,
    name,
  ]);
  if (user !== undefined) named.unshift(['user', user]);
  const problems = named
    .filter(([, name]) => typeof name !== 'string' || name === '')
    .map(([option, name]) => `${option} is ${JSON.stringify(name)}; write the name of a user of the broker`);
  if (users !== undefined && user === undefined) {
    problems.push('users is given without user: nothing would be checked. Write the user this service logs in as');
  }
  return problems;
}

function isBrokerUrl(url: unknown): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  return ['amqp:', 'amqps:'].includes(protocol) && hostname !== '' && decodes(username) && decodes(password);
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false; // a percent sign that is not written %25
  }
}
