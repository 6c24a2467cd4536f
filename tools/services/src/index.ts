export { type Ask, connectDatabase, type DatabaseClient, marks, numbered } from './database-client';
export { findChromium, type FindChromiumOptions } from './chromium';
export { Cleanup } from './cleanup';
export { type PgBouncerOptions, type PgBouncerServer, startPgBouncer } from './pgbouncer';
export {
  findMariaDb,
  type MariaDbDatabaseServer,
  type MariaDbOptions,
  type MariaDbServer,
  startMariaDb,
} from './mariadb';
export { freePort, portAnswers } from './ports';
export { type PostgresDatabaseServer, type PostgresOptions, type PostgresServer, startPostgres } from './postgres';
export { findRabbit, type FindRabbitOptions, type RabbitServer, RabbitUnavailableError } from './rabbit';
export { rabbitAnswers, type RabbitUser } from './rabbit-control';
export { rabbitInstalled } from './rabbit-installation';
export { RabbitCluster, startRabbitCluster } from './rabbit-cluster';
export { type PrivateNode, type RabbitOptions, startRabbit } from './rabbit-node';
export { type Direction, TcpProxy, type TripwireAction } from './tcp-proxy';
export {
  connectTestPostgres,
  connectTestRabbit,
  exportTestPooler,
  exportTestPoolerMissing,
  exportTestPostgres,
  exportTestRabbit,
  exportTestRabbitMissing,
  poolTestDatabases,
  testBroker,
  testDatabase,
  testDatabasesArePooled,
} from './testing';
export { ProgramUnavailableError } from './program';
export { type RedisServer, startRedis } from './redis';
export { clearServerCache, serverCache } from './server-cache';
export { until } from './until';
export { type BroughtServer, bringServer, SERVER_VERSIONS, VersionUnavailableError } from './versions';
