export { mariadb } from './mariadb-factory';
export { mariaDbMigrations } from './migrations';
export { mariaDbSchemaSql, type MariaDbSchemaOptions } from './schema';
export { type MariaDbTableNames, type MariaDbTableOptions, mariaDbTables } from './tables';
