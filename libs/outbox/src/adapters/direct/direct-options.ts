import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { InvalidOptionsError } from '../../errors';
import type { Duration } from '../../message/duration';
import { messageTypeProblem, serviceNameProblem } from '../../message/names';
import { OptionReader } from '../../message/options';

/** `'order-service:4000'`, `'[::1]:4000'`, or the same in two parts. */
export type DirectAddress = string | { readonly host: string; readonly port: number };

export interface DirectOptions {
  /** Where this service takes calls, e.g. `'0.0.0.0:4000'`. Leave it out in a service that handles no messages. */
  listen?: DirectAddress;
  /** Where the other services take calls: `{ 'order-service': 'orders.internal:4000' }`. */
  peers?: Readonly<Record<string, DirectAddress>>;
  /**
   * Who hears an announcement, by its type: `{ 'user.registered': ['mail-service'] }`. All of them are `peers`.
   * An announcement of another type is heard by nobody.
   */
  listeners?: Readonly<Record<string, readonly string[]>>;
  /**
   * Longest time of a call: connecting, the consumer's handler, and applying its receipt. What takes longer is called
   * again later. Raise it if handlers are slower, and the module's `lease` with it, to more than four times as long.
   * @default '7s'
   */
  timeout?: Duration;
  /**
   * Calls in flight to one peer. Each is held for as long as the handler runs, so a slow peer can have at most this
   * many. Raise it together with the `concurrency` of the peer's handlers.
   * @default 32
   */
  window?: number;
  /**
   * Most connections that `listen` holds at once; more are closed unread. Each instance of a producer has one. Together
   * with `maxPayloadBytes` it bounds the memory that callers can take: raise it with the number of producers.
   * @default 128
   */
  maxConnections?: number;
  /**
   * Encrypts connections; handed to `tls.createServer` and `tls.connect` as it is. Whoever can connect can send and is
   * believed, so use this with client certificates (`requestCert`, `rejectUnauthorized`), or a network you trust.
   */
  tls?: { readonly server?: TlsOptions; readonly client?: ConnectionOptions };
}

/** The options, checked and filled up. */
export interface DirectSettings {
  readonly listen: Address | undefined;
  readonly peers: ReadonlyMap<string, Address>;
  readonly listeners: ReadonlyMap<string, readonly string[]>;
  readonly timeoutMs: number;
  readonly window: number;
  readonly maxConnections: number;
  readonly tls: NonNullable<DirectOptions['tls']>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** More connections than a process can hold, and more calls than it could answer. */
const MAX_COUNT = 1_000_000;
const KNOWN: readonly string[] = ['listen', 'peers', 'listeners', 'timeout', 'window', 'maxConnections', 'tls'];

/** @throws InvalidOptionsError with all problems */
export function directSettings(options: DirectOptions): DirectSettings {
  const reader = new OptionReader(options, KNOWN);
  const { problems } = reader;
  const problem = (text: string | undefined): void => {
    if (text !== undefined) problems.push(text);
  };
  const address = (option: string, value: DirectAddress): Address => {
    const found = readAddress(value);
    if (!found) problem(`${option} is ${JSON.stringify(value)}; write 'host:port', for example '127.0.0.1:4000'`);
    return found ?? { host: '', port: 0 };
  };

  const listen = options.listen === undefined ? undefined : address('listen', options.listen);
  const peers = new Map<string, Address>();
  for (const [service, value] of Object.entries(options.peers ?? {})) {
    problem(serviceNameProblem(service));
    peers.set(service, address(`peers['${service}']`, value));
  }
  const listeners = new Map(Object.entries(options.listeners ?? {}));
  for (const [type, services] of listeners) {
    problem(messageTypeProblem(type));
    if (!Array.isArray(services)) {
      problem(`listeners['${type}'] is ${JSON.stringify(services)}; write a list of service names`);
      continue;
    }
    for (const service of services.filter((name) => !peers.has(name))) {
      problem(`listeners['${type}'] names '${service}', which is not one of peers (${[...peers.keys()].join(', ')})`);
    }
  }
  if (!listen && peers.size === 0) problem(`neither listen nor peers is given: there is nobody to talk to`);

  const settings = {
    listen,
    peers,
    listeners,
    timeoutMs: reader.duration('timeout', options.timeout, '7s'),
    window: reader.whole('window', options.window, 32, 1, MAX_COUNT),
    maxConnections: reader.whole('maxConnections', options.maxConnections, 128, 1, MAX_COUNT),
    tls: options.tls ?? {},
  };
  if (problems.length > 0) throw new InvalidOptionsError(problems.map((text) => `direct(): ${text}`));
  return settings;
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function readAddress(value: DirectAddress): Address | undefined {
  const found =
    typeof value === 'string' ? /^(?:\[(?<ip6>[^\]]+)\]|(?<name>[^:]+)):(?<port>\d+)$/.exec(value) : undefined;
  const host = found ? (found.groups!.ip6 ?? found.groups!.name) : (value as Partial<Address> | null)?.host;
  const port = found ? Number(found.groups!.port) : (value as Partial<Address> | null)?.port;
  const usable = typeof host === 'string' && host !== '' && Number.isInteger(port) && port! >= 1 && port! <= 65_535;
  return usable ? { host, port: port! } : undefined;
}
