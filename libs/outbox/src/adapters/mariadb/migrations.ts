import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createStatements, dropStatements, type Server } from './schema';
import { type MariaDbTableOptions, tables } from './tables';

/** What goes into a DataSource's `migrations`. */
type MigrationClass = new () => MigrationInterface;

/**
 * The migrations that create the library's tables in MariaDB 10.6 (and MySQL 8.0.16) or later; for other table names than the default ones. Their
 * names are stable, and differ between table names, so that two sets of tables can live in one database. The server commits each
 * statement of them by itself; one that was cut short is run again, from the beginning.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function mariaDbMigrations(options: MariaDbTableOptions = {}): MigrationClass[] {
  const t = tables(options);
  // TypeORM tells migrations apart by name and sorts them by the number it ends with.
  const nameOf = (what: string, timestamp: number): string => `${what}${t.tag && `_${t.tag}_`}${timestamp}`;

  class CreateOutboxTables implements MigrationInterface {
    readonly name = nameOf('CreateOutboxTables', 1763800000000);

    async up(runner: QueryRunner): Promise<void> {
      const server = await serverOf(runner);
      for (const statement of createStatements(t, server)) await runner.query(statement);
    }

    /** Drops the tables with everything in them, messages that were never delivered included. */
    async down(runner: QueryRunner): Promise<void> {
      for (const statement of dropStatements(t)) await runner.query(statement);
    }
  }
  return [CreateOutboxTables];
}

async function serverOf(runner: QueryRunner): Promise<Server> {
  const [row] = (await runner.query('select version() as version')) as { version: string }[];
  return /mariadb/i.test(row!.version) ? 'mariadb' : 'mysql';
}
