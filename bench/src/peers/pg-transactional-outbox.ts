import { randomUUID } from 'node:crypto';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { Pool, type PoolClient } from 'pg';
import { QUORUM } from '../baselines/broker';
import type { OrderRequested } from '../business/order-requested';
import type { Consumer } from '../business/sides';
import { withClient } from '../engines/postgres';
import { loadPeer } from './packages';
import { insertOrderOnce, type PeerSideOptions, POOL_SIZE, sell, type Seller } from './peer';

interface Message {
  readonly id: string;
  readonly aggregateType: string;
  readonly messageType: string;
  readonly aggregateId: string;
  readonly concurrency: 'parallel';
  readonly payload: OrderRequested;
  readonly createdAt: string;
}
type Client = Pool | PoolClient;
interface TransactionalOutbox {
  readonly DatabaseSetup: Record<
    'dropAndCreateTable' | 'createPollingFunction' | 'setupPollingIndexes',
    (config: object) => string
  >;
  getDisabledLogger(): object;
  initializeMessageStorage(config: object, logger: object): (message: Message, client: Client) => Promise<void>;
  initializePollingMessageListener(
    config: object,
    handler: object,
    logger: object,
    strategies: object,
  ): [() => Promise<void>];
}

const QUEUE = 'bench-peer.orders';
const PREFETCH = 100;
/**
 * Polling, which needs no setting of the server and may run more than once. It names no figures for throughput: a batch
 * twenty times the default, as short a pause as the others take to notice, and none of its optional protections.
 */
const SETTINGS = {
  dbSchema: 'public',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
  nextMessagesBatchSize: 100,
  nextMessagesPollingIntervalInMs: 20,
};

/** Full batches from the start, instead of single messages as long as it has not seen as many as a batch holds. */
const STRATEGIES = { batchSizeStrategy: () => Promise.resolve(SETTINGS.nextMessagesBatchSize) };

function configOf(outboxOrInbox: 'outbox' | 'inbox', connectionString: string): object {
  const connections = { connectionString, max: POOL_SIZE / 2 };
  return {
    outboxOrInbox,
    dbListenerConfig: connections,
    dbHandlerConfig: connections,
    settings: {
      ...SETTINGS,
      dbTable: `pto_${outboxOrInbox}`,
      nextMessagesFunctionName: `next_${outboxOrInbox}_messages`,
    },
  };
}

async function createTables(peer: TransactionalOutbox, outboxOrInbox: 'outbox' | 'inbox', url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ role: string; database: string }>(
      'select current_user as role, current_database() as database -- bench',
    );
    const { role, database } = rows[0]!;
    const config = {
      outboxOrInbox,
      database,
      schema: 'public',
      table: `pto_${outboxOrInbox}`,
      listenerRole: role,
      handlerRole: role,
      nextMessagesName: `next_${outboxOrInbox}_messages`,
    };
    const { dropAndCreateTable, createPollingFunction, setupPollingIndexes } = peer.DatabaseSetup;
    for (const create of [dropAndCreateTable!, createPollingFunction!, setupPollingIndexes!]) {
      await client.query(create(config));
    }
  });
}

export class TransactionalOutboxSeller implements Seller {
  private readonly pool: Pool;
  private connection!: ChannelModel;
  private store!: (message: Message, client: Client) => Promise<void>;
  private shutdown!: () => Promise<void>;

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.usersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    const { packages, usersUrl, amqpUrl } = this.options;
    const peer = loadPeer<TransactionalOutbox>(packages, 'pg-transactional-outbox');
    await createTables(peer, 'outbox', usersUrl);
    this.connection = await connect(amqpUrl, { noDelay: true });
    const channel = await this.connection.createConfirmChannel();
    await channel.assertQueue(QUEUE, QUORUM);
    const [config, logger] = [configOf('outbox', usersUrl), peer.getDisabledLogger()];
    const publisher = { handle: (message: Message) => publish(channel, message) };
    [this.shutdown] = peer.initializePollingMessageListener(config, publisher, logger, STRATEGIES);
    this.store = peer.initializeMessageStorage(config, logger);
  }

  async stop(): Promise<void> {
    await this.shutdown();
    await this.connection.close();
    await this.pool.end();
  }

  purchase(order: OrderRequested): Promise<string> {
    return sell(this.pool, order, (client) =>
      this.store(
        {
          id: randomUUID(),
          aggregateType: 'order',
          messageType: 'order.requested',
          aggregateId: order.userId,
          concurrency: 'parallel',
          payload: order,
          createdAt: new Date().toISOString(),
        },
        client,
      ),
    );
  }
}

/** Without its lock in the outbox, which the inbox would keep: it would look at the message when that has run out. */
function publish(channel: ConfirmChannel, message: Message): Promise<void> {
  return new Promise((resolve, reject) => {
    const properties = { persistent: true, messageId: message.id };
    channel.sendToQueue(
      QUEUE,
      Buffer.from(JSON.stringify({ ...message, lockedUntil: undefined })),
      properties,
      (error: unknown) => {
        if (error == null) resolve();
        else reject(new Error(`${message.id} was not confirmed`, { cause: error }));
      },
    );
  });
}

/** Its inbox: what arrives is stored, and handled from there. */
export class TransactionalOutboxOrders implements Consumer {
  onHandled: (id: string) => void = () => {};
  private readonly pool: Pool;
  private connection!: ChannelModel;
  private shutdown!: () => Promise<void>;

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.ordersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    const { packages, ordersUrl, amqpUrl } = this.options;
    const peer = loadPeer<TransactionalOutbox>(packages, 'pg-transactional-outbox');
    await createTables(peer, 'inbox', ordersUrl);
    const [config, logger] = [configOf('inbox', ordersUrl), peer.getDisabledLogger()];
    const handler = {
      aggregateType: 'order',
      messageType: 'order.requested',
      handle: async ({ payload }: Message, client: PoolClient) => {
        await client.query(insertOrderOnce(payload));
        // A moment too early: the commit is the package's own.
        this.onHandled(payload.purchaseId);
      },
    };
    [this.shutdown] = peer.initializePollingMessageListener(config, handler, logger, STRATEGIES);
    const store = peer.initializeMessageStorage(config, logger);
    this.connection = await connect(amqpUrl, { noDelay: true });
    const channel = await this.connection.createChannel();
    await channel.assertQueue(QUEUE, QUORUM);
    await channel.prefetch(PREFETCH);
    await channel.consume(QUEUE, (message) => {
      const stored = store(JSON.parse(message!.content.toString('utf8')) as Message, this.pool);
      void stored.then(() => channel.ack(message!));
    });
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.shutdown();
    await this.pool.end();
  }
}
