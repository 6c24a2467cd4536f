export { OutboxClient } from './client/outbox-client';
export { OUTBOX_MIGRATIONS, outboxMigrations } from './migrations';
export { endPool, poolFrom } from './pool';
export { PostgresStore } from './postgres-store';
export { outboxSchemaSql, type SchemaOptions } from './schema';
export { outboxTables, type OutboxTables, type TableOptions } from './tables';
