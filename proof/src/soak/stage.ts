import {
  Cleanup,
  type RabbitCluster,
  type RabbitServer,
  startRabbit,
  startRabbitCluster,
  TcpProxy,
  until,
} from '@tallystick/services';
import { type Channel, connect } from 'amqplib';
import { type DatabaseKind, DATABASES, type PrivateRigServer, type Rig, type RigSettings, startRig } from '../rig';
import { Copies } from './copies';
import { Crew } from './crew';

/** Everything a soak plays on. Servers of its own: they are going to suffer. */
export interface Stage {
  readonly database: DatabaseKind;
  readonly server: PrivateRigServer;
  /** Of a cluster the first node. */
  readonly rabbit: RabbitServer;
  readonly cluster?: RabbitCluster;
  /** Every connection of every process goes through one of these. */
  readonly networks: Readonly<Record<NetworkName, TcpProxy>>;
  readonly rig: Rig;
  readonly crew: Crew;
  readonly copies: Copies;
  /** Of the virtual host, past the proxies. */
  readonly amqpUrl: string;
}

export const NETWORKS = ['producer database', 'consumer database', 'producer broker', 'consumer broker'] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** Two take orders and relay, the third only relays. */
export const PRODUCERS_TAKING_ORDERS = 2;
const PRODUCERS = 3;
const CONSUMERS = 3;

export const LEASE_MS = 5_000;
const SETTINGS: RigSettings = {
  outbox: {
    lease: LEASE_MS,
    // Asking again sooner than an answer takes on a busy machine makes copies, which make it busier.
    receiptWait: { first: '5s', max: '20s' },
    handlerTimeout: '8s',
    maxFollowUpAttempts: 100,
    poolSize: 8,
  },
  logLevel: 'error',
};

/** Starts the servers, the networks and the processes. `cleanup` undoes it all, also if this throws. */
export async function setStage(
  cleanup: Cleanup,
  {
    database,
    cluster: clustered,
    onProgress,
  }: { database: DatabaseKind; cluster: boolean; onProgress: (line: string) => void },
): Promise<Stage> {
  const broker = async (): Promise<Pick<Stage, 'rabbit' | 'cluster'> & { amqpUrls: string[] }> => {
    if (!clustered) {
      const rabbit = cleanup.stopLater(await startRabbit({ onProgress }));
      return { rabbit, amqpUrls: [await rabbit.createVhost('soak')] };
    }
    const cluster = cleanup.stopLater(await startRabbitCluster({ onProgress }));
    return { rabbit: cluster.nodes[0]!, cluster, amqpUrls: await cluster.createVhost('soak') };
  };
  const [server, { rabbit, cluster, amqpUrls }] = await Promise.all([
    DATABASES[database].startServer(onProgress).then((started) => cleanup.stopLater(started)),
    broker(),
  ]);
  const amqpUrl = amqpUrls[0]!;
  const proxyTo = async (targetPort: number): Promise<TcpProxy> => {
    const proxy = new TcpProxy({ targetPort });
    cleanup.defer(() => proxy.close());
    await proxy.listen();
    return proxy;
  };
  const networks = {
    'producer database': await proxyTo(server.port),
    'consumer database': await proxyTo(server.port),
    'producer broker': await proxyTo(rabbit.port),
    'consumer broker': await proxyTo(rabbit.port),
  };
  const rig = cleanup.stopLater(
    await startRig({
      server,
      // Of a cluster every node, past the proxies: what happens between brokers is what is asked about.
      amqpUrl: cluster
        ? amqpUrls.join(',')
        : {
            producer: through(networks['producer broker'], amqpUrl),
            consumer: through(networks['consumer broker'], amqpUrl),
          },
      databasePort: { producer: networks['producer database'].port, consumer: networks['consumer database'].port },
      producers: PRODUCERS,
      consumers: CONSUMERS,
      options: SETTINGS,
      start: false,
    }),
  );
  const copies = await Copies.watch(rig);
  const crew = new Crew(rig, copies);
  onProgress(`starting ${PRODUCERS} producers and ${CONSUMERS} consumers`);
  await crew.assemble();
  await routeUnheard(amqpUrl);
  return { database, server, rabbit, cluster, networks, rig, crew, copies, amqpUrl };
}

/**
 * As after a deployment was rolled back: the type is still routed to a service that has no handler for it any more. The
 * route is gone with its queue; it can be made again as soon as a consumer has declared that.
 */
export async function routeUnheard(amqpUrl: string): Promise<void> {
  const route = (): Promise<boolean> =>
    onChannel(amqpUrl, (channel) =>
      channel.bindQueue('rig-consumer.purchase.made', 'outbox.requests', 'rig-consumer.purchase.unheard'),
    ).then(
      () => true,
      () => false,
    );
  await until('the queue of the consumer is there', route, { timeoutMs: 60_000, everyMs: 500 });
}

/** On a connection of its own, past the proxies. */
export async function onChannel(amqpUrl: string, work: (channel: Channel) => Promise<unknown>): Promise<void> {
  const connection = await connect(amqpUrl);
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {}); // the call that caused it rejects
    await work(channel);
  } finally {
    await connection.close();
  }
}

function through(proxy: TcpProxy, url: string): string {
  const changed = new URL(url);
  changed.port = String(proxy.port);
  return changed.href;
}
