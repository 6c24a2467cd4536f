import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Below 32768, where Linux starts to hand out ports to outgoing connections (macOS: 49152). A server on one of those
 * can lose its port to somebody's client while it is down, and a client that retries on loopback can even be given
 * the very port it dials, and then talks to itself.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** A TCP port of 127.0.0.1 on which nobody listens now. Nothing is reserved: use it soon. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await canListen(port)) return port;
  }
  throw new Error(`Found no free TCP port between ${LOWEST} and ${HIGHEST} in 100 attempts.`);
}

/** Does anybody accept TCP connections there? */
export async function portAnswers(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ port, host });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
