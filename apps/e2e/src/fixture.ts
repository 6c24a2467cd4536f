import { Cleanup, type MariaDbDatabaseServer, testBroker, testDatabase } from '@tallystick/services';
import { Shop } from './shop';
import { type RunningServices, type ServicesOptions, startServices } from './start-services';

export interface Fixture {
  readonly services: RunningServices;
  readonly shop: Shop;
  readonly databaseUrls: { readonly user: string; readonly order: string };
  stop(): Promise<void>;
}

export interface FixtureOptions extends Partial<ServicesOptions> {
  /** Whose database is on MariaDB. @default nobody's: both are on PostgreSQL */
  mariaDb?: { server: MariaDbDatabaseServer; of: readonly ('user' | 'order')[] };
}

/** Both services on databases and a virtual host of their own, on the servers of this test run. */
export async function startFixture({ mariaDb, ...options }: FixtureOptions = {}): Promise<Fixture> {
  const databaseOf = (side: 'user' | 'order'): Promise<string> =>
    mariaDb?.of.includes(side) ? mariaDb.server.createDatabase() : testDatabase(side);
  const databaseUrls = options.databaseUrls ?? { user: await databaseOf('user'), order: await databaseOf('order') };
  const transport = options.transport ?? { amqpUrl: await testBroker('services') };
  const cleanup = new Cleanup();
  const services = cleanup.stopLater(await startServices({ ...options, databaseUrls, transport }));
  const shop = new Shop(services.user.url, services.order.url);
  return { services, shop, databaseUrls, stop: () => cleanup.run() };
}
