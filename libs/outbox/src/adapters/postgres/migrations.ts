import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createStatements, dropStatements, type SchemaOptions } from './schema';
import { tables } from './tables';

/** What goes into a DataSource's `migrations`. */
export type MigrationClass = new () => MigrationInterface;

/**
 * The migrations that create the library's tables; for other table names than the default ones. Their names are stable,
 * and differ between table names, so that two sets of tables can live in one database.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function outboxMigrations(options: SchemaOptions = {}): MigrationClass[] {
  const t = tables(options);
  // TypeORM tells migrations apart by name and sorts them by the number it ends with.
  const nameOf = (what: string, timestamp: number): string => `${what}${t.tag && `_${t.tag}_`}${timestamp}`;

  class CreateOutboxTables implements MigrationInterface {
    readonly name = nameOf('CreateOutboxTables', 1763800000000);

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of createStatements(t, options)) await runner.query(statement);
    }

    /** Drops the tables with everything in them, messages that were never delivered included. */
    async down(runner: QueryRunner): Promise<void> {
      for (const statement of dropStatements(t)) await runner.query(statement);
    }
  }
  return [CreateOutboxTables];
}

/** The migrations for the default table names: `migrations: [...OUTBOX_MIGRATIONS, …]`. */
export const OUTBOX_MIGRATIONS: MigrationClass[] = outboxMigrations();
