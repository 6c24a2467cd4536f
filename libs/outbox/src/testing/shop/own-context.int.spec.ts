import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { freePort, testBroker, testDatabase } from '@tallystick/services';
import { direct } from '../../adapters/direct';
import { rabbitMq } from '../../adapters/rabbitmq';
import type { TransportFactory } from '../../ports/transport';
import { ShopFixture, STARTING } from './shop.fixture';

const overDirect = async (): Promise<TransportFactory> => {
  const port = await freePort();
  return direct({ listen: { host: '127.0.0.1', port }, peers: { shop: `127.0.0.1:${port}` } });
};
const overRabbitMq = async (): Promise<TransportFactory> => rabbitMq({ url: await testBroker('own-context') });

describe.each([
  ['direct', overDirect],
  ['rabbitmq', overRabbitMq],
])('handlers and follow-ups over %s', (_, transport) => {
  it('run in nobody’s request, however many requests record at once', async () => {
    const fixture = await ShopFixture.start(await testDatabase('shop'), { transport: await transport(), lease: '30s' });
    try {
      const [shop] = fixture.shops;
      const request = new AsyncLocalStorage<string>();
      const bought: unknown[] = [];
      const seen: unknown[] = [];
      shop!.at.buying = () => void bought.push(request.getStore());
      shop!.at.shipping = shop!.at.completing = () => void seen.push(request.getStore());

      const buy = (number: number): Promise<void> =>
        request.run(`request ${number}`, () =>
          shop!.buy(randomUUID(), { account: STARTING.accounts[number % 3]!, sku: STARTING.skus[number % 2]! }),
        );
      await Promise.all(Array.from({ length: 100 }, (_, number) => buy(number)));

      expect(await fixture.booksBalance()).toEqual({ completed: 100, refunded: 0 });
      expect(new Set(bought).size).toBe(100); // every request has its own, and sees it
      expect([seen.length, new Set(seen)]).toEqual([200, new Set([undefined])]);
    } finally {
      await fixture.stop();
    }
  });
});
