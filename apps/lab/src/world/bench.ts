import type { Cleanup } from '@tallystick/services';
import { type ChannelModel, connect } from 'amqplib';
import { Pool } from 'pg';
import type { Servers } from './servers';

/** Databases and a virtual host of one's own, for what needs no services. All of it is in `cleanup`. */
export class Bench {
  private vhost?: Promise<string>;

  constructor(
    private readonly servers: Servers,
    private readonly cleanup: Cleanup,
  ) {}

  async database(tables: string): Promise<Pool> {
    const { postgres } = this.servers;
    const url = await postgres.createDatabase();
    this.cleanup.defer(() => postgres.dropDatabase(url));
    const pool = new Pool({ connectionString: url, max: 4 });
    pool.on('error', () => {});
    this.cleanup.defer(() => pool.end());
    await pool.query(tables);
    return pool;
  }

  /** All of them lead to the same virtual host. */
  async connect(): Promise<ChannelModel> {
    this.vhost ??= this.createVhost();
    return connectedTo(await this.vhost, this.cleanup);
  }

  private async createVhost(): Promise<string> {
    const { rabbit } = this.servers;
    const url = await rabbit.createVhost();
    this.cleanup.defer(() => rabbit.deleteVhost(url));
    return url;
  }
}

/** Closed by `cleanup`, if it is still open then. */
export async function connectedTo(url: string, cleanup: Cleanup): Promise<ChannelModel> {
  const connection = await connect(url, { noDelay: true });
  connection.on('error', () => {});
  let open = true;
  connection.on('close', () => (open = false));
  cleanup.defer(async () => {
    if (open) await connection.close();
  });
  return connection;
}
