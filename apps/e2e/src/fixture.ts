import { Cleanup, testBroker, testDatabase } from '@tallystick/services';
import { Shop } from './shop';
import { type RunningServices, type ServicesOptions, startServices } from './start-services';

export interface Fixture {
  readonly services: RunningServices;
  readonly shop: Shop;
  readonly databaseUrls: { readonly user: string; readonly order: string };
  stop(): Promise<void>;
}

/** Both services on databases and a virtual host of their own, on the servers of this test run. */
export async function startFixture(options: Partial<ServicesOptions> = {}): Promise<Fixture> {
  const databaseUrls = { user: await testDatabase('user'), order: await testDatabase('order') };
  const transport = options.transport ?? { amqpUrl: await testBroker('services') };
  const cleanup = new Cleanup();
  const services = cleanup.stopLater(await startServices({ ...options, databaseUrls, transport }));
  const shop = new Shop(services.user.url, services.order.url);
  return { services, shop, databaseUrls, stop: () => cleanup.run() };
}
