import { type Cleanup, TcpProxy } from '@tallystick/services';
import type { Carrier } from './carrier';

/**
 * The line on which order-service answers: to the broker, or to user-service that calls it. It can be broken at will, as
 * networks are by chance.
 */
export interface Line {
  /** What order-service says is swallowed; what is said to it arrives. */
  mute(): void;
  /** Breaks, with everything that was swallowed. A new connection works. */
  cut(): void;
}

/** Takes the broker away from both services, and gives it back. */
export interface BrokerSwitch {
  off(): Promise<void>;
  on(): Promise<void>;
}

/** Where the services find each other, with the line in between. */
export interface Routes {
  /** Undefined where it is not ours to break: a broker with TLS would not be reached through it. */
  readonly line?: Line;
  /** What each connects to instead of the broker, where there is one. */
  readonly brokers?: { readonly user: string; readonly order: string };
  readonly brokerSwitch?: BrokerSwitch;
  /** Where user-service calls order-service, over direct calls. */
  readonly addressOfOrders: string;
}

/** @param address where order-service listens for direct calls */
export async function layLine(carrier: Carrier, address: string, cleanup: Cleanup): Promise<Routes> {
  if (carrier.transport === 'direct') {
    const proxy = await opened({ targetPort: Number(new URL(`tcp://${address}`).port) }, cleanup);
    return { line: lineOf(proxy, 'down'), addressOfOrders: `127.0.0.1:${proxy.port}` };
  }
  const { broker, ours } = carrier;
  const killing = ours && {
    off: async () => {
      await ours.flush(); // or it forgets queues that it was told of just before
      await ours.kill();
    },
    on: () => ours.start(),
  };
  const url = new URL(broker);
  if (url.protocol !== 'amqp:')
    return {
      brokers: { user: broker, order: broker },
      addressOfOrders: address,
      ...(killing && { brokerSwitch: killing }),
    };
  const target = { targetHost: url.hostname, targetPort: Number(url.port || 5672) };
  const proxies = { user: await opened(target, cleanup), order: await opened(target, cleanup) };
  return {
    line: lineOf(proxies.order, 'up'),
    brokers: { user: through(url, proxies.user), order: through(url, proxies.order) },
    brokerSwitch: killing ?? cutting(Object.values(proxies)),
    addressOfOrders: address,
  };
}

/** What a database answers, late: whoever works with it becomes slow. */
export interface Slowness {
  /** Of each direction; 0 ends it. */
  delay(ms: number): void;
}

/**
 * A way to a database that can be made slow, for one service alone. Undefined where there is none through TCP, or where
 * the name of the host is checked.
 */
export async function laySlowLine(
  databaseUrl: string,
  cleanup: Cleanup,
): Promise<{ url: string; slowness: Slowness } | undefined> {
  const url = new URL(databaseUrl);
  if (!url.hostname || url.searchParams.has('host') || url.searchParams.has('sslmode')) return undefined;
  const usual = url.protocol.startsWith('postgres') ? 5432 : 3306;
  const proxy = await opened({ targetHost: url.hostname, targetPort: Number(url.port || usual) }, cleanup);
  return { url: through(url, proxy), slowness: proxy };
}

function through(url: URL, proxy: TcpProxy): string {
  return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href;
}

async function opened(target: { targetHost?: string; targetPort: number }, cleanup: Cleanup): Promise<TcpProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  cleanup.defer(() => proxy.close());
  return proxy;
}

function lineOf(proxy: TcpProxy, answers: 'up' | 'down'): Line {
  return {
    mute: () => proxy.freeze(answers),
    cut: () => {
      proxy.cut();
      proxy.thaw();
    },
  };
}

/** For a broker that is not ours to stop: to the services it is all the same. */
function cutting(proxies: readonly TcpProxy[]): BrokerSwitch {
  return {
    off: async () => {
      for (const proxy of proxies) {
        await proxy.refuse(true);
        proxy.cut();
      }
    },
    on: async () => {
      for (const proxy of proxies) await proxy.refuse(false);
    },
  };
}
