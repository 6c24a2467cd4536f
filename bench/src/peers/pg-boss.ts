import { Pool } from 'pg';
import type { OrderRequested } from '../business/order-requested';
import type { Consumer } from '../business/sides';
import { loadPeer } from './packages';
import { insertOrderOnce, type PeerSideOptions, POOL_SIZE, sell, type Seller } from './peer';

interface Boss {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<void>;
  stop(options: { graceful: boolean; wait: boolean }): Promise<void>;
  createQueue(name: string): Promise<void>;
  send(name: string, data: object, options: { db: Database }): Promise<string | null>;
  work(
    name: string,
    options: WorkOptions,
    handler: (jobs: { data: OrderRequested }[]) => Promise<void>,
  ): Promise<string>;
}
interface Database {
  executeSql(text: string, values: unknown[]): Promise<unknown>;
}
interface WorkOptions {
  readonly batchSize: number;
  readonly pollingIntervalSeconds: number;
}
type PgBoss = new (options: { connectionString: string; max: number; supervise: boolean; schedule: boolean }) => Boss;

const QUEUE = 'order';
/** It polls twice a second at most, so the rate is what a fetch may bring: as much as is documented to help. */
const WORK: WorkOptions = { batchSize: 500, pollingIntervalSeconds: 0.5 };
const WORKERS = 4;

/** Without maintenance: nobody archives or schedules while it is measured. */
async function startBoss(packages: string, connectionString: string): Promise<Boss> {
  const PgBoss = loadPeer<PgBoss>(packages, 'pg-boss');
  const boss = new PgBoss({ connectionString, max: POOL_SIZE / 2, supervise: false, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  return boss;
}

export class PgBossSeller implements Seller {
  private readonly pool: Pool;
  private boss!: Boss;

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.usersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    this.boss = await startBoss(this.options.packages, this.options.usersUrl);
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: false, wait: true });
    await this.pool.end();
  }

  purchase(order: OrderRequested): Promise<string> {
    return sell(this.pool, order, (client) =>
      this.boss.send(QUEUE, order, { db: { executeSql: (text, values) => client.query(text, values) } }),
    );
  }
}

/** Its workers log in to the seller's database. */
export class PgBossOrders implements Consumer {
  onHandled: (id: string) => void = () => {};
  private readonly pool: Pool;
  private boss!: Boss;

  constructor(private readonly options: PeerSideOptions) {
    this.pool = new Pool({ connectionString: options.ordersUrl, max: POOL_SIZE });
  }

  async start(): Promise<void> {
    this.boss = await startBoss(this.options.packages, this.options.usersUrl);
    for (let worker = 0; worker < WORKERS; worker++) {
      await this.boss.work(QUEUE, WORK, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => this.create(data)));
      });
    }
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: true, wait: true });
    await this.pool.end();
  }

  private async create(order: OrderRequested): Promise<void> {
    await this.pool.query({ name: 'order', ...insertOrderOnce(order) });
    this.onHandled(order.purchaseId);
  }
}
