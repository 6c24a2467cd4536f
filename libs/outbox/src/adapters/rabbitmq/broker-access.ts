import { createRequire } from 'node:module';
import type { Options } from 'amqplib';
import { InvalidOptionsError } from '../../errors';
import type { TransportDeps } from '../../ports/transport';
import type { BrokerAccess } from './connection';
import { DEFAULT_HEARTBEAT_SECONDS, type RabbitMqSettings } from './rabbitmq-options';

/**
 * The broker to connect to: the option `url`, or else the one that the application already configured for golevelup, so
 * that it is configured once. golevelup's connection itself is not used: it is shared with the application's own
 * handlers, and its channels are not opened again after an error of their own.
 * @throws InvalidOptionsError if there is neither
 */
export function brokerAccess(settings: RabbitMqSettings, deps: Pick<TransportDeps, 'resolve'>): BrokerAccess {
  if (settings.urls.length > 0) {
    return { addresses: addresses(settings.urls, settings.heartbeatSeconds), socket: { ...settings.tls } };
  }
  const configured = golevelupConfiguration(deps);
  const uris = [configured?.uri ?? []].flat();
  if (uris.length === 0) {
    throw new InvalidOptionsError([
      "rabbitMq(): no broker is configured. Pass its address, rabbitMq({ url: 'amqp://user:password@host:5672/vhost' }), " +
        'or import RabbitMQModule of @golevelup/nestjs-rabbitmq with a uri anywhere in the application.',
    ]);
  }
  const { heartbeatIntervalInSeconds, connectionOptions } = configured?.connectionManagerOptions ?? {};
  return {
    addresses: addresses(uris, settings.heartbeatSeconds ?? heartbeatIntervalInSeconds),
    socket: { ...connectionOptions, ...settings.tls },
  };
}

/** The part of golevelup's `RabbitMQConfig` that says where the broker is. */
interface GolevelupConfiguration {
  readonly uri?: string | Options.Connect | (string | Options.Connect)[];
  readonly connectionManagerOptions?: {
    readonly heartbeatIntervalInSeconds?: number;
    readonly connectionOptions?: Readonly<Record<string, unknown>>;
  };
}

function golevelupConfiguration(deps: Pick<TransportDeps, 'resolve'>): GolevelupConfiguration | undefined {
  let golevelup: { AmqpConnection: unknown };
  try {
    golevelup = createRequire(__filename)('@golevelup/nestjs-rabbitmq') as typeof golevelup;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined; // an optional peer
    throw error;
  }
  return deps.resolve<{ configuration: GolevelupConfiguration }>(golevelup.AmqpConnection)?.configuration;
}

/** A heartbeat that was asked for wins over one in the address. */
function addresses(uris: readonly (string | Options.Connect)[], heartbeat: number | undefined): Options.Connect[] {
  return uris
    .map((uri) => (typeof uri === 'string' ? parse(uri) : uri))
    .map((address) => ({ ...address, heartbeat: heartbeat ?? address.heartbeat ?? DEFAULT_HEARTBEAT_SECONDS }));
}

/** Taken apart, so that the password is a field of its own and cannot slip into a log with the rest. */
function parse(uri: string): Options.Connect {
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(uri);
  const whole = (name: string): number | undefined =>
    searchParams.has(name) ? Number(searchParams.get(name)) : undefined;
  return {
    protocol: protocol.slice(0, -1),
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : Number(port),
    ...((username !== '' || password !== '') && {
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    }),
    vhost: pathname.slice(1), // stays encoded: amqplib decodes it, and takes none for '/'
    heartbeat: whole('heartbeat'),
    frameMax: whole('frameMax'),
    locale: searchParams.get('locale') ?? undefined,
  };
}
