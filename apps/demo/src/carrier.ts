import { randomBytes } from 'node:crypto';
import {
  type Cleanup,
  findRabbit,
  rabbitAnswers,
  rabbitInstalled,
  type RabbitServer,
  startRabbit,
} from '@tallystick/services';
import { ownQueues } from './own-queues';

export interface CarrierOptions {
  /** What was asked for; undefined: whatever there is. */
  readonly wanted: 'rabbitmq' | 'direct' | undefined;
  readonly amqpUrl: string | undefined;
  readonly onProgress: (line: string) => void;
}

/** What carries the messages, and why that. */
export type Carrier = { why: string } & (
  | {
      transport: 'rabbitmq';
      broker: string;
      /** The broker itself, where we started it: it may be stopped, and started again. */
      ours?: Pick<RabbitServer, 'flush' | 'kill' | 'start'>;
    }
  | { transport: 'direct'; broker: null }
);

const LOCAL_BROKER = 'amqp://guest:guest@127.0.0.1:5672';

/**
 * Finds a broker by the first way that works: the one of AMQP_URL · a virtual host of our own on the one that answers on
 * this machine · a private one, if RabbitMQ is installed · the one on this machine as it is. Without a broker the
 * services call each other.
 */
export async function findCarrier(options: CarrierOptions, cleanup: Cleanup): Promise<Carrier> {
  const { wanted, amqpUrl, onProgress } = options;
  if (wanted === 'direct') return { transport: 'direct', broker: null, why: 'you asked for it' };
  const over = (broker: string, why: string) => ({ transport: 'rabbitmq' as const, broker, why });
  const removeQueuesLater = async (url: string): Promise<void> => {
    const remove = await ownQueues(url);
    // The broker may be gone by then, and the story is told.
    cleanup.defer(() => remove().catch((error: Error) => onProgress(`Queues may be left: ${error.message}`)));
  };
  if (amqpUrl) {
    await findRabbit({ url: amqpUrl }); // throws if it does not let us in
    await removeQueuesLater(amqpUrl);
    return over(amqpUrl, 'AMQP_URL is set; what the demo creates there goes when it ends');
  }
  const local = await rabbitAnswers(LOCAL_BROKER);
  const vhost = local ? await throwAwayVhost(LOCAL_BROKER).catch(() => undefined) : undefined;
  if (vhost) {
    cleanup.defer(vhost.remove);
    return over(vhost.url, 'a broker answers on 127.0.0.1:5672; in a virtual host of its own');
  }
  if (rabbitInstalled()) {
    const ours = cleanup.stopLater(await startRabbit({ onProgress }));
    return { ...over(ours.url, 'rabbitmq-server is installed; this is a private one'), ours };
  }
  // Last, because its queues may have the names of ours and belong to somebody.
  if (local) {
    await removeQueuesLater(LOCAL_BROKER);
    return over(LOCAL_BROKER, 'a broker answers on 127.0.0.1:5672; what the demo creates there goes when it ends');
  }
  if (wanted === 'rabbitmq') {
    const rabbit = cleanup.stopLater(await findRabbit({ onProgress })); // a container, or an error that says what to do
    return over(rabbit.url, `you asked for it; this is ${rabbit.origin}`);
  }
  const why = 'there is no RabbitMQ here: set AMQP_URL, or install rabbitmq-server';
  return { transport: 'direct', broker: null, why };
}

/**
 * Makes an empty virtual host through RabbitMQ's management interface.
 * @throws if that is not there, or says no
 */
export async function throwAwayVhost(
  amqpUrl: string,
  managementPort = 15_672,
): Promise<{ url: string; remove: () => Promise<void> }> {
  const { hostname, username, password } = new URL(amqpUrl);
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const name = `tallystick-demo-${randomBytes(4).toString('hex')}`;
  const request = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await fetch(`http://${hostname}:${managementPort}/api/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  };
  await request('PUT', `vhosts/${name}`);
  const remove = (): Promise<void> => request('DELETE', `vhosts/${name}`);
  const url = new URL(amqpUrl);
  url.pathname = `/${name}`;
  try {
    await request('PUT', `permissions/${name}/${username}`, { configure: '.*', write: '.*', read: '.*' });
    if (!(await rabbitAnswers(url.href))) throw new Error('the management interface is that of another broker');
  } catch (error) {
    await remove();
    throw error;
  }
  return { url: url.href, remove };
}
