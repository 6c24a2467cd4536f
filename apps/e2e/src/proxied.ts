import { TcpProxy } from '@tallystick/services';

/** A server's url through a proxy that a test can break. Close the proxy when done. */
export async function proxied(url: string): Promise<{ url: string; proxy: TcpProxy }> {
  const through = new URL(url);
  const proxy = new TcpProxy({ targetHost: through.hostname, targetPort: Number(through.port) });
  through.port = String(await proxy.listen());
  return { url: through.href, proxy };
}
