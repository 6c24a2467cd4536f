import { readFile } from 'node:fs/promises';
import { Cleanup, testBroker, testDatabase, until } from '@tallystick/services';
import { audit } from './audit';
import { proxied } from './proxied';
import { count } from './query';
import { send, Shop } from './shop';
import { startServices } from './start-services';

/** Before memory is measured: code is compiled, pools and caches are full. */
const WARM_UP = 3_000;
const PURCHASES = 3_000;
/** What they may add, in MiB: noise of the garbage collector. What is kept grows with every purchase. */
const GENEROUS_MIB = 64;
const BUYERS = 8;

describe('without its broker', () => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  it('user-service goes on selling, ready but degraded, in constant memory; when it is back, all is delivered', async () => {
    const { url: amqpUrl, proxy } = await proxied(await testBroker('outage'));
    cleanup.defer(() => proxy.close());
    const databaseUrls = { user: await testDatabase('user'), order: await testDatabase('order') };
    // A small space for short-lived objects: what the process then holds says more about what it keeps.
    const environment = { NODE_OPTIONS: '--max-semi-space-size=4' };
    const services = cleanup.stopLater(await startServices({ databaseUrls, transport: { amqpUrl }, environment }));
    const shop = new Shop(services.user.url, services.order.url);
    const buyers = await Promise.all(Array.from({ length: BUYERS }, () => shop.createUser(PURCHASES * 100)));
    const stock = WARM_UP + PURCHASES;
    await Promise.all(buyers.map((_, index) => shop.setStock(`stick-${index}`, stock)));

    // 1. The broker is gone, for both.
    await proxy.refuse(true);
    proxy.cut();
    await until('user-service is degraded', async () => (await readiness()).status === 'degraded');
    expect(await readiness()).toEqual({ code: 200, status: 'degraded' });

    // 2. Business as usual.
    await buy(WARM_UP);
    const before = await residentMib(services.user.pid!);
    await buy(PURCHASES);
    const after = await residentMib(services.user.pid!);
    expect(after - before).toBeLessThan(GENEROUS_MIB);
    expect(await readiness()).toEqual({ code: 200, status: 'degraded' });
    const waiting = "select count(*)::int as count from outbox_delivery where state = 'pending'";
    expect(await count(databaseUrls.user, waiting)).toBe(WARM_UP + PURCHASES);

    // 3. It is back.
    await proxy.refuse(false);
    const open = 'select count(*)::int as count from outbox_delivery where settled_at is null';
    const everythingSettled = async (): Promise<boolean> => (await count(databaseUrls.user, open)) === 0;
    await until('everything is settled', everythingSettled, { timeoutMs: 600_000, everyMs: 200 });
    await until('user-service is ready again', async () => (await readiness()).status === 'ok');
    const totals = { deposited: BUYERS * PURCHASES * 100, stocked: BUYERS * stock };
    expect(await audit({ databaseUrls, ...totals })).toEqual([]);
    expect(await count(databaseUrls.order, 'select count(*)::int as count from orders')).toBe(WARM_UP + PURCHASES);
    for (const { running, output } of services.all) {
      expect(running).toBe(true);
      expect(output).not.toMatch(/unhandled|uncaught|MaxListeners/i);
    }
    process.stdout.write(`memory of user-service: ${before} MiB before, ${after} MiB after ${PURCHASES} purchases\n`);

    /** Every one of them is taken, whatever is broken. */
    async function buy(times: number): Promise<void> {
      let left = times;
      const buyer = async (userId: string, index: number): Promise<void> => {
        while (left-- > 0) {
          const answer = await shop.purchase({ userId, sku: `stick-${index}`, quantity: 1, amount: 50 });
          expect(answer.status).toBe(202);
        }
      };
      await Promise.all(buyers.map(buyer));
    }

    async function readiness(): Promise<{ code: number; status: string }> {
      const { status: code, body } = await send('GET', `${services.user.url}/health/ready`);
      return { code, status: body.status };
    }
  }, 900_000);
});

/** Physical memory of a process, as Linux counts it; 0 elsewhere, where nothing is claimed. */
async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'VmRSS: 0 kB');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024);
}
