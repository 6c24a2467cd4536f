export { mariadb } from './mariadb.factory';
export { mariaDbMigrations } from './migrations';
export { mariaDbSchemaSql, type MariaDbSchemaOptions } from './schema';
export type { MariaDbTableOptions } from './tables';
