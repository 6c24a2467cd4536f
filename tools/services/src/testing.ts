import { uniqueName } from './names';
import { PostgresDatabases } from './postgres-databases';
import type { PgBouncerServer } from './pgbouncer';
import type { PostgresDatabaseServer } from './postgres';
import { type CtlCommand, RabbitControl } from './rabbit-control';
import type { RabbitServer } from './rabbit';

/**
 * How the servers of a test run reach the test files, which run in processes of their own: by environment variables.
 * The `export…` functions are called once per run, the others in the tests.
 */
const DATABASE_URL = 'TALLYSTICK_TEST_DATABASE_URL';
/** Of the pooler in front of it, as a url without a database. */
const POOLER_URL = 'TALLYSTICK_TEST_POOLER_URL';
/** Set instead of the url: why there is no pooler. */
const POOLER_MISSING = 'TALLYSTICK_TEST_POOLER_MISSING';
/** Set in the test files whose databases are reached through the pooler. */
const POOLED = 'TALLYSTICK_TEST_POOLED';
const AMQP_URL = 'TALLYSTICK_TEST_AMQP_URL';
/** JSON of a CtlCommand; unset for a broker that was given to us. */
const AMQP_CTL = 'TALLYSTICK_TEST_AMQP_CTL';
/** Set instead of the url: why there is no broker. */
const AMQP_MISSING = 'TALLYSTICK_TEST_AMQP_MISSING';

export function exportTestPostgres(postgres: PostgresDatabaseServer): void {
  process.env[DATABASE_URL] = postgres.url();
}

export function exportTestPooler(pooler: PgBouncerServer): void {
  process.env[POOLER_URL] = pooler.url(required(DATABASE_URL));
}

/** Tests that need no pooler run all the same; those that do fail with this reason. */
export function exportTestPoolerMissing(reason: string): void {
  process.env[POOLER_MISSING] = reason;
}

export function exportTestRabbit(rabbit: RabbitServer): void {
  process.env[AMQP_URL] = rabbit.url;
  if (rabbit instanceof RabbitControl && rabbit.command) process.env[AMQP_CTL] = JSON.stringify(rabbit.command);
}

/** Tests that need no broker run all the same; those that do fail with this reason. */
export function exportTestRabbitMissing(reason: string): void {
  process.env[AMQP_MISSING] = reason;
}

/** From now on `testDatabase()` leads through the pooler of this test run. */
export function poolTestDatabases(): void {
  process.env[POOLED] = 'yes';
}

/** Does `testDatabase()` lead through a transaction pooler? */
export function testDatabasesArePooled(): boolean {
  return process.env[POOLED] !== undefined;
}

/** The PostgreSQL of this test run, never through the pooler. */
export function connectTestPostgres(): PostgresDatabaseServer {
  const adminUrl = required(DATABASE_URL);
  const { hostname, port, username } = new URL(adminUrl);
  const databases = new PostgresDatabases(adminUrl);
  return {
    host: hostname,
    port: Number(port),
    user: username,
    started: false,
    origin: 'the PostgreSQL of this test run',
    url: (database = 'postgres') => databases.url(database),
    createDatabase: (name, template) => databases.create(name, template),
    dropDatabase: (nameOrUrl) => databases.drop(nameOrUrl),
  };
}

/**
 * A database nobody else has, on the PostgreSQL of this test run. It disappears with the server.
 * @param name start of its name, for whoever reads the server's log
 * @param template database to copy, by name or url
 */
export async function testDatabase(name = 'test', template?: string): Promise<string> {
  const url = await connectTestPostgres().createDatabase(uniqueName(name), template);
  return testDatabasesArePooled() ? pooled(url) : url;
}

function pooled(direct: string): string {
  const missing = process.env[POOLER_MISSING];
  if (missing) throw new Error(missing);
  const url = new URL(direct);
  url.host = new URL(required(POOLER_URL)).host;
  return url.href;
}

/** The broker of this test run. Shared: break your own virtual host, or `startRabbit()` a broker of your own. */
export function connectTestRabbit(): RabbitControl {
  const missing = process.env[AMQP_MISSING];
  if (missing) throw new Error(missing);
  const ctl = process.env[AMQP_CTL];
  return new RabbitControl(required(AMQP_URL), ctl ? (JSON.parse(ctl) as CtlCommand) : undefined);
}

/**
 * The url of a virtual host nobody else has, on the broker of this test run (see `createVhost` for the exception).
 * @param name start of its name
 */
export function testBroker(name = 'test'): Promise<string> {
  return connectTestRabbit().createVhost(uniqueName(name));
}

function required(variable: string): string {
  const value = process.env[variable];
  if (value) return value;
  throw new Error(`${variable} is not set: only *.int, *.e2e and *.proof tests get servers (see jest.config.cjs).`);
}
