/** A part of the tests, and how Jest is told to run it. */
export interface Suite {
  readonly name: string;
  /** For the table: "the … tests". */
  readonly about: string;
  readonly jest: readonly string[];
}

const select = (project: string, ...paths: string[]): readonly string[] => [
  '--selectProjects',
  project,
  ...(paths.length > 0 ? ['--testPathPatterns', paths.join('|')] : []),
];

/** Contract, consuming, publishing, what is declared, TLS, faults of the broker; half messages. */
const TRANSPORT: Suite = {
  name: 'transport',
  about: 'RabbitMQ transport, its contract and faults',
  jest: select('integration', 'adapters/rabbitmq/', 'shop-broker', 'half-message/'),
};
/** What the other tests build on. */
const BROKER: Suite = {
  name: 'broker',
  about: 'RabbitMQ itself, alone and as a cluster of three',
  jest: select('integration', 'services/src/rabbit'),
};
const SHELL: Suite = {
  name: 'cli',
  about: 'what `tallystick doctor` and `quarantine` make of a broker',
  jest: select('integration', 'cli/src/doctor', 'cli/src/quarantine'),
};
const DATABASE: Suite = {
  name: 'database',
  about: 'stores, schema and transactions on PostgreSQL',
  jest: select('integration', 'adapters/postgres/', '/transactions/', 'outbox.module', 'services/src/postgres'),
};
const MARIADB: Suite = {
  name: 'store',
  about: 'stores, schema and transactions on MariaDB',
  jest: select('integration', 'adapters/mariadb/', 'transactions/mysql/', 'two-databases', 'services/src/mariadb'),
};
const POOLED: Suite = { name: 'pooled', about: 'the same through PgBouncer', jest: select('pooled') };
const POOLER: Suite = {
  name: 'pooler',
  about: 'PgBouncer itself',
  jest: select('integration', 'services/src/pgbouncer'),
};
const UNIT: Suite = { name: 'unit', about: 'everything without a server', jest: select('unit') };
const SERVICES: Suite = { name: 'e2e', about: 'the services as processes', jest: select('e2e', 'apps/e2e/') };

/** What depends on a product, by its name in `product@version`. */
export const SUITES: Readonly<Record<string, readonly Suite[]>> = {
  rabbitmq: [BROKER, TRANSPORT, SHELL, SERVICES],
  pgbouncer: [POOLER, POOLED],
  postgresql: [DATABASE, SERVICES],
  mariadb: [MARIADB],
  node: [UNIT, TRANSPORT, SERVICES],
};
