import { Client } from 'pg';
import type { Statements, TimedStatement } from './statements';

/** Statements of the benchmark itself carry this comment, and are not counted. */
const UNCOUNTED = '-- bench';

/**
 * Counts what PostgreSQL itself executed, by `pg_stat_statements`: every statement of every process, BEGIN and COMMIT
 * included, nothing estimated. Without the extension (a server of somebody else) nothing is counted.
 */
export class StatementCounter implements Statements<TimedStatement> {
  private constructor(private readonly client: Client | undefined) {}

  static async connect(adminUrl: string): Promise<StatementCounter> {
    const client = new Client({ connectionString: adminUrl });
    await client.connect();
    try {
      await client.query('create extension if not exists pg_stat_statements');
      await client.query('select count(*) from pg_stat_statements');
      return new StatementCounter(client);
    } catch {
      await client.end();
      return new StatementCounter(undefined);
    }
  }

  get available(): boolean {
    return this.client !== undefined;
  }

  async reset(databaseUrls: readonly string[]): Promise<void> {
    await this.client?.query(
      `select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = any($1) ${UNCOUNTED}`,
      [databaseUrls.map(databaseName)],
    );
  }

  async read(databaseUrls: readonly string[]): Promise<TimedStatement[] | undefined> {
    const result = await this.client?.query<Omit<TimedStatement, 'statement'> & { query: string }>(
      `select s.query, sum(s.calls)::float8 as calls, sum(s.rows)::float8 as rows,
        sum(s.total_plan_time)::float8 as "planMs", sum(s.total_exec_time)::float8 as "executionMs"
      from pg_stat_statements s
      join pg_database d on d.oid = s.dbid
      where d.datname = any($1) and s.query not like '%${UNCOUNTED}%'
      group by s.query
      order by sum(s.calls) desc ${UNCOUNTED}`,
      [databaseUrls.map(databaseName)],
    );
    return result?.rows.map(({ query, ...counted }) => ({ statement: label(query), ...counted }));
  }

  async stop(): Promise<void> {
    await this.client?.end();
  }
}

/** The library names its statements in a comment at their end. */
function label(query: string): string {
  return /-- ([\w.-]+)\s*$/.exec(query)?.[1] ?? query.replace(/\s+/g, ' ').trim().slice(0, 60);
}

function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
