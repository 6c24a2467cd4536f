import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import type { CheckAnswer } from '../decision';
import { HalfMessageRuledOutError } from '../errors';
import { contentOf, type HalfMessage } from '../half-message';

export interface TypeOrmBarrierOptions {
  /** Where the decisions stand; may name a schema. @default 'half_message_barrier' */
  readonly table?: string;
  /** How long a check waits for a transaction that is still under way. @default 2000 */
  readonly lockTimeoutMs?: number;
}

const TABLE = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/;
const UNIQUE_VIOLATION = '23505';
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Decides in a PostgreSQL database, with one row per half message, whether its work was committed.
 *
 * The unique key makes one of two win: the work, which writes *committed* in its own transaction, or a check, which writes
 * *ruled out*. PostgreSQL lets the second wait for the first, so a check never judges a transaction that is still under way
 * (the barrier of the dtm project, whose two operations these are).
 *
 * Rows are needed for as long as a check may come: prune none that is younger than the half messages' `maxAge`.
 */
export class TypeOrmBarrier {
  private readonly table: string;
  private readonly lockTimeoutMs: number;

  constructor(
    private readonly dataSource: DataSource,
    { table, lockTimeoutMs = 2_000 }: TypeOrmBarrierOptions = {},
  ) {
    this.table = checkedName(table);
    this.lockTimeoutMs = lockTimeoutMs;
  }

  /**
   * Writes down, in the transaction of the work, that this half message is committed with it. Do it first: what comes
   * after is then done for nothing only if a check has ruled it out.
   * @throws HalfMessageRuledOutError: let the transaction roll back
   */
  async commit(manager: EntityManager, half: HalfMessage): Promise<void> {
    try {
      await manager.query(`insert into ${this.table} (id, decision, content) values ($1, 'committed', $2)`, [
        half.id,
        contentOf(half),
      ]);
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      throw new HalfMessageRuledOutError(
        `Half message ${half.id} was ruled out by a check, or committed before. Its work took longer than the first pause of ` +
          '`checkAfter`, or did not begin in time: roll back, and begin anew with a new half message.',
        { cause: error },
      );
    }
  }

  /**
   * What a `@TransactionChecker` answers: rules the work out if it is not committed. In a transaction of its own, at READ
   * COMMITTED, where a conflicting insert waits for its twin and then sees it.
   */
  async check(half: HalfMessage): Promise<CheckAnswer> {
    try {
      return await this.dataSource.transaction('READ COMMITTED', async (manager) => {
        await manager.query(`set local lock_timeout = ${this.lockTimeoutMs}`);
        await manager.query(
          `insert into ${this.table} (id, decision) values ($1, 'ruled out') on conflict (id) do nothing`,
          [half.id],
        );
        const [row] = await manager.query<{ decision: string; content: string }[]>(
          `select decision, content from ${this.table} where id = $1`,
          [half.id],
        );
        return row!.decision === 'committed' && row!.content === contentOf(half) ? 'committed' : 'rolled back';
      });
    } catch (error) {
      if (sqlState(error) === LOCK_NOT_AVAILABLE) return 'not known yet';
      throw error;
    }
  }

  /** Deletes decisions that are older. Not younger than `maxAge` of the half messages. @returns how many */
  async prune(olderThanMs: number): Promise<number> {
    const rows = await this.dataSource.query<[unknown[], number]>(
      `delete from ${this.table} where decided_at < clock_timestamp() - $1 * interval '1 millisecond'`,
      [olderThanMs],
    );
    return rows[1];
  }
}

/**
 * For a migration: the table of the decisions.
 * @param table as in {@link TypeOrmBarrierOptions}
 */
export function barrierSql(table?: string): string {
  return `create table if not exists ${checkedName(table)} (
  id uuid primary key,
  decision varchar(9) not null check (decision in ('committed', 'ruled out')),
  content text,
  decided_at timestamptz not null default clock_timestamp()
);
`;
}

function checkedName(table = 'half_message_barrier'): string {
  if (TABLE.test(table)) return table;
  throw new TypeError(`The table '${table}' must be lower-case letters, digits and _.`);
}

function sqlState(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
}
