import { Sampler } from '@tallystick/dashboard/kit';
import type { Cleanup } from '@tallystick/services';
import type { Running } from '../launcher';
import type { Shop } from '../shop';
import type { Language } from '../texts';
import { Pictures } from './picture';
import { Queues } from './queues';
import { PageServer } from './server';
import { Steering } from './steering';
import { Theatre } from './theatre';

/** Twice a second, while somebody looks. */
const EVERY_MS = 500;

/** Serves the page until the clean-up. @returns its address, and a way to say that the buttons may be pressed */
export async function openPage(
  running: Running,
  world: { shop: Shop; deposits: Map<string, number>; signal: AbortSignal },
  lang: Language,
  cleanup: Cleanup,
): Promise<{ url: string; storyIsOver(): void }> {
  const { databases, carrier, userService, orderService } = running;
  const queues = carrier.broker === null ? undefined : new Queues(carrier.broker);
  const steering = new Steering(databases.user);
  const pictures = new Pictures(databases, world.deposits, {
    running: () => ({ user: userService.running, order: orderService.running }),
    queues: () => Promise.resolve(queues?.depths()),
  });
  const means = { ...running, transport: carrier.transport, steering, ...(queues && { copier: queues }) };
  const theatre = new Theatre(means, {
    ...world,
    asks: { user: pictures.now('user'), order: pictures.now('order') },
  });
  const setting = {
    transport: carrier.transport,
    services: { user: running.user, order: running.order },
    offers: theatre.offers,
  };
  const server = new PageServer(setting, new Sampler(() => pictures.take(), EVERY_MS), theatre);
  cleanup.defer(async () => {
    await theatre.close();
    await server.close();
    await Promise.all([pictures.close(), steering.close(), queues?.close()]);
  });
  const address = await server.listen();
  // Who says nothing gets the language of the browser.
  const url = lang === 'en' ? address : `${address}#/?lang=${lang}`;
  return { url, storyIsOver: () => void (theatre.story = false) };
}
