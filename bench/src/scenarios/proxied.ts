import { type Cleanup, TcpProxy } from '@tallystick/services';

/** A way to the broker that can be cut. Closed by `cleanup`. */
export async function proxied(amqpUrl: string, cleanup: Cleanup): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(amqpUrl);
  const proxy = new TcpProxy({ targetHost: url.hostname, targetPort: Number(url.port || 5672) });
  url.port = String(await proxy.listen());
  url.hostname = '127.0.0.1';
  cleanup.defer(() => proxy.close());
  return { proxy, url: url.href };
}
