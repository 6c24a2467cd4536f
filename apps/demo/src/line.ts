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

/** Where the services find each other, with the line in between. */
export interface Routes {
  /** Undefined where it is not ours to break: a broker with TLS would not be reached through it. */
  readonly line?: Line;
  /** What order-service connects to instead of the broker, where there is one. */
  readonly brokerOfOrders?: string;
  /** Where user-service calls order-service, over direct calls. */
  readonly addressOfOrders: string;
}

/** @param address where order-service listens for direct calls */
export async function layLine(carrier: Carrier, address: string, cleanup: Cleanup): Promise<Routes> {
  if (carrier.transport === 'direct') {
    const proxy = await opened({ targetPort: Number(new URL(`tcp://${address}`).port) }, cleanup);
    return { line: lineOf(proxy, 'down'), addressOfOrders: `127.0.0.1:${proxy.port}` };
  }
  const broker = new URL(carrier.broker);
  if (broker.protocol !== 'amqp:') return { brokerOfOrders: carrier.broker, addressOfOrders: address };
  const proxy = await opened({ targetHost: broker.hostname, targetPort: Number(broker.port || 5672) }, cleanup);
  broker.hostname = '127.0.0.1';
  broker.port = String(proxy.port);
  return { line: lineOf(proxy, 'up'), brokerOfOrders: broker.href, addressOfOrders: address };
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
