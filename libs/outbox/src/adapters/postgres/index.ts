export { OutboxClient } from './client/outbox-client';
export { OUTBOX_MIGRATIONS, outboxMigrations } from './migrations';
export { poolFrom } from './pool';
export { PostgresStore } from './postgres-store';
export { postgres, type PostgresOptions } from './postgres-factory';
export { outboxSchemaSql, type SchemaOptions } from './schema';
export { outboxTables, type OutboxTables, type TableOptions } from './tables';
