import { Pool } from 'pg';
import type { OrderRequested } from '../business/order-requested';
import type { Consumer } from '../business/sides';
import { loadPeer } from './packages';
import { insertOrderOnce, type PeerSideOptions, POOL_SIZE, sell, type Seller } from './peer';

interface GraphileWorker {
  readonly Logger: new (factory: () => () => void) => object;
  run(options: object): Promise<{ stop(): Promise<void> }>;
  runMigrations(options: object): Promise<void>;
}

/** The settings its page on performance gives, but for as many jobs at once as the other sides have transactions. */
const BATCHED = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const ADD_JOB = `select graphile_worker.add_job('order', $1::json)`;

export class GraphileSeller implements Seller {
  private readonly pool: Pool;

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.usersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    const worker = loadPeer<GraphileWorker>(this.options.packages, 'graphile-worker');
    await worker.runMigrations({ connectionString: this.options.usersUrl });
  }

  stop(): Promise<void> {
    return this.pool.end();
  }

  purchase(order: OrderRequested): Promise<string> {
    return sell(this.pool, order, (client) =>
      client.query({ name: 'job', text: ADD_JOB, values: [JSON.stringify(order)] }),
    );
  }
}

/** Its workers log in to the seller's database. */
export class GraphileOrders implements Consumer {
  onHandled: (id: string) => void = () => {};
  private readonly pool: Pool;
  private runner!: { stop(): Promise<void> };

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.ordersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    const { Logger, run } = loadPeer<GraphileWorker>(this.options.packages, 'graphile-worker');
    this.runner = await run({
      preset: {
        worker: {
          connectionString: this.options.usersUrl,
          concurrentJobs: POOL_SIZE,
          maxPoolSize: POOL_SIZE + 1,
          logger: new Logger(() => () => {}),
          ...BATCHED,
        },
      },
      noHandleSignals: true,
      taskList: { order: (payload: unknown) => this.create(payload as OrderRequested) },
    });
  }

  async stop(): Promise<void> {
    await this.runner.stop();
    await this.pool.end();
  }

  private async create(order: OrderRequested): Promise<void> {
    await this.pool.query({ name: 'order', ...insertOrderOnce(order) });
    this.onHandled(order.purchaseId);
  }
}
