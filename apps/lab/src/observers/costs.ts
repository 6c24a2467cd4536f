import { Client } from 'pg';
import type { World } from '../world/world';

/** What purchases cost, all together. Counted by the servers and in the processes, not estimated. */
export interface Costs {
  /** Transactions that were written to disk, prepared ones too. */
  readonly commits: number;
  /** In bytes; without the full pages that follow every checkpoint. */
  readonly wal: number;
  readonly statements: number;
  readonly messages: number;
  readonly calls: number;
}

/** Statements of observers say so, and are not counted. */
const OURS = '%-- lab%';

/** Nobody else may use the server meanwhile: its log is one for all databases. */
export class CostMeter {
  private constructor(
    private readonly world: World,
    private readonly client: Client,
    private readonly from: string,
    private readonly before: Pick<Costs, 'statements' | 'messages' | 'calls'>,
  ) {}

  static async start(world: World): Promise<CostMeter> {
    const client = new Client({ connectionString: world.databaseUrls.user, application_name: 'lab' });
    client.on('error', () => {}); // its database is dropped when somebody presses Ctrl-C; the query says so
    await client.connect();
    await client.query('create extension if not exists pg_walinspect -- lab');
    await client.query('create extension if not exists pg_stat_statements -- lab');
    return new CostMeter(world, client, await position(client), await counted(world, client));
  }

  async stop(): Promise<Costs> {
    try {
      const to = await position(this.client);
      const now = await counted(this.world, this.client);
      const { rows } = await this.client.query<{ commits: number; wal: number }>(
        `select count(*) filter (where resource_manager = 'Transaction'
            and record_type in ('COMMIT', 'COMMIT_PREPARED', 'PREPARE'))::int as commits,
          coalesce(sum(record_length - fpi_length), 0)::int as wal
        from pg_get_wal_records_info($1, $2) -- lab`,
        [this.from, to],
      );
      return {
        ...rows[0]!,
        statements: now.statements - this.before.statements,
        messages: now.messages - this.before.messages,
        calls: now.calls - this.before.calls,
      };
    } finally {
      await this.client.end();
    }
  }
}

async function position(client: Client): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn -- lab');
  return rows[0]!.lsn;
}

async function counted(world: World, client: Client): Promise<Pick<Costs, 'statements' | 'messages' | 'calls'>> {
  const names = Object.values(world.databaseUrls).map((url) => new URL(url).pathname.slice(1));
  const { rows } = await client.query<{ calls: number }>(
    `select coalesce(sum(s.calls), 0)::int as calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
      where d.datname = any($1) and s.query not like '${OURS}' -- lab`,
    [names],
  );
  const sent = await Promise.all(Object.values(world.services).map((service) => service.ask({ kind: 'sent' })));
  return {
    statements: rows[0]!.calls,
    messages: sent[0]!.messages + sent[1]!.messages,
    calls: sent[0]!.calls + sent[1]!.calls,
  };
}
