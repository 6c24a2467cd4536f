import { connectDatabase, type DatabaseClient } from '@tallystick/services';
import type { CountedStatement, Statements } from './statements';

/** What the server counts, and what it calls that: statements of the kinds that are sent here, prepared ones too. */
const KINDS: Readonly<Record<string, string>> = {
  Com_select: 'select',
  Com_insert: 'insert',
  Com_insert_select: 'insert',
  Com_update: 'update',
  Com_delete: 'delete',
  Com_do: 'do',
  Com_set_option: 'set',
  Com_compound_sql: 'block',
  Com_begin: 'begin',
  Com_commit: 'commit',
  Com_rollback: 'rollback',
};

/**
 * Counts what MariaDB itself executed, by the counters that it always keeps. They are the whole server's, by kind: what others do
 * meanwhile (relays that find nothing, the benchmark's own looks) is among it, a few statements a second.
 */
export class MariaDbStatementCounter implements Statements {
  readonly available = true;
  private before: ReadonlyMap<string, number> = new Map();

  private constructor(private readonly client: DatabaseClient) {}

  static async connect(adminUrl: string): Promise<MariaDbStatementCounter> {
    return new MariaDbStatementCounter(await connectDatabase(adminUrl, 'bench'));
  }

  async reset(): Promise<void> {
    this.before = await this.counters();
  }

  async read(): Promise<CountedStatement[]> {
    const now = await this.counters();
    return [...now]
      .map(([statement, count]) => ({ statement, calls: count - (this.before.get(statement) ?? 0) }))
      .filter(({ calls }) => calls > 0)
      .sort((one, other) => other.calls - one.calls);
  }

  stop(): Promise<void> {
    return this.client.end();
  }

  private async counters(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.client.ask<{ Variable_name: string; Value: string }>(`show global status like 'Com\\_%'`);
    const counts = new Map<string, number>();
    for (const { Variable_name: name, Value: value } of rows) {
      const kind = KINDS[name];
      if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + Number(value));
    }
    return counts;
  }
}
