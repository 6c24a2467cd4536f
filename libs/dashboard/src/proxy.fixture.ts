import { createServer, request } from 'node:http';

/** Hands everything below a path on, without the path: as a gateway in front of several services does. */
export async function startProxy(port: number, below: string): Promise<{ port: number; close(): Promise<void> }> {
  const proxy = createServer((incoming, outgoing) => {
    const { url, method, headers } = incoming;
    const path = url!.slice(below.length);
    const onward = request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as { port: number }).port,
    close: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
