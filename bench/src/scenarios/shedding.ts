import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '@tallystick/services';
import { newOrder } from '../business/load';
import type { OrderRequested } from '../business/order-requested';
import { type Chart, figure } from '../harness/result';
import { summarise } from '../harness/statistics';
import { database } from './databases';
import { PRODUCER_POOL, start } from './pairs';
import { proxied } from './proxied';
import type { Context, Findings } from './scenario';

interface Story {
  /** Requests, evenly, to either route. */
  readonly perSecond: number;
  readonly seconds: number;
  /** When the broker is gone. */
  readonly outage: { readonly from: number; readonly to: number };
  readonly shedAfterMs: number;
}

/** The guard looks once a second, so an outage is longer than that. */
const LARGE: Story = { perSecond: 40, seconds: 11, outage: { from: 1, to: 6 }, shedAfterMs: 1_000 };
const SMALL: Story = { perSecond: 20, seconds: 3.5, outage: { from: 0.2, to: 2.5 }, shedAfterMs: 100 };
const CHART_EVERY_MS = 500;
const REFUSED = 503;

interface Answer {
  readonly route: 'purchases' | 'purchases/nightly';
  /** Milliseconds since the first request. */
  readonly at: number;
  readonly status: number;
}

/** What callers are told while the outbox is behind: `@Sheddable()` routes send them away, the others go on. */
export async function shedding(context: Context): Promise<Required<Pick<Findings, 'figures' | 'charts'>>> {
  const { stage, cleanup, progress, small } = context;
  const story = small ? SMALL : LARGE;
  const amqpUrl = await stage.broker(cleanup);
  const { proxy, url } = await proxied(amqpUrl, cleanup);
  await start(context, 'library-consumer', { databaseUrl: await database(context, 'library-orders'), amqpUrl });
  const shop = await start(context, 'library-shop', {
    databaseUrl: await database(context, 'library-users'),
    amqpUrl: url,
    poolSize: PRODUCER_POOL,
    outbox: { shedAfter: story.shedAfterMs },
  });
  const answers = await live(await shop.call('url'), proxy, story);

  const refused = answers.filter(({ status }) => status === REFUSED);
  const [first, last] = [refused[0]?.at ?? NaN, refused.at(-1)?.at ?? NaN];
  const afterwards = (last - story.outage.to * 1000) / 1000;
  progress.line(`  ${refused.length} of ${answers.length} requests refused, from ${(first / 1000).toFixed(1)} s on`);
  const one = (name: string, unit: string, value: number, atMost?: number) =>
    figure({
      name,
      unit,
      ours: summarise([value]),
      ...(atMost !== undefined && { target: { of: 'value', atMost } }),
    });
  return {
    figures: [
      one('sheddable requests refused', 'requests', refused.filter(({ route }) => route !== 'purchases').length),
      one('other requests refused', 'requests', refused.filter(({ route }) => route === 'purchases').length, 0),
      one('refused for, after the broker was back', 's', Math.max(0, afterwards)),
    ],
    charts: [chartOf(answers)],
  };
}

/** Requests at an even rate, whether earlier ones are answered or not, and the broker gone in the middle. */
async function live(shop: string, proxy: TcpProxy, { perSecond, seconds, outage }: Story): Promise<Answer[]> {
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  const until = (second: number): Promise<void> => sleep(Math.max(0, second - elapsed()) * 1000);
  const requests: Promise<Answer>[] = [];
  const ask = async (route: Answer['route'], number: number): Promise<Answer> => {
    const at = elapsed() * 1000;
    return { route, at, status: await post(`${shop}/${route}`, newOrder(number)) };
  };
  const callers = async (): Promise<void> => {
    for (let number = 0; elapsed() < seconds; number++) {
      requests.push(ask('purchases', number), ask('purchases/nightly', number));
      await until((number + 1) / perSecond);
    }
  };
  const breakAndMend = async (): Promise<void> => {
    await until(outage.from);
    await proxy.refuse(true);
    proxy.cut();
    await until(outage.to);
    await proxy.refuse(false);
  };
  await Promise.all([callers(), breakAndMend()]);
  return Promise.all(requests);
}

/** @returns the status @throws if it is none that callers should see */
async function post(url: string, order: OrderRequested): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  const text = await response.text();
  if (!response.ok && response.status !== REFUSED) throw new Error(`${url} answered ${response.status}: ${text}`);
  return response.status;
}

function chartOf(answers: readonly Answer[]): Chart {
  const seriesOf = (name: string, belongs: (answer: Answer) => boolean) => {
    const counts = new Map<number, number>();
    for (const answer of answers) {
      const time = Math.floor(answer.at / CHART_EVERY_MS);
      counts.set(time, (counts.get(time) ?? 0) + (belongs(answer) ? 1 : 0));
    }
    const points = [...counts].map(
      ([time, count]) => [((time + 0.5) * CHART_EVERY_MS) / 1000, (count * 1000) / CHART_EVERY_MS] as const,
    );
    return { name, points };
  };
  return {
    name: 'backlog-shedding',
    title: 'An outage: what callers are told (@Sheddable() and other routes)',
    x: { name: 'seconds' },
    y: { name: 'requests/s' },
    series: [
      seriesOf('taken', ({ route, status }) => route === 'purchases' && status !== REFUSED),
      seriesOf('sheddable, taken', ({ route, status }) => route !== 'purchases' && status !== REFUSED),
      seriesOf('sheddable, 503', ({ route, status }) => route !== 'purchases' && status === REFUSED),
    ],
  };
}
