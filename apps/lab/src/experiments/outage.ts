import { setTimeout as lasts } from 'node:timers/promises';
import { Bystander } from '../observers/bystander';
import { endingOf, readBooks } from '../observers/books';
import type { Spectator } from './crash';
import type { Outage, OutageTrial, Told } from '../protocols/protocol';
import type { PurchaseRequest } from '../business/purchase';
import type { World } from '../world/world';
import { difference, type OutageRow } from './rows';
import { rest } from './rest';

/** A shopper does not wait for longer. */
const PATIENCE_MS = 8_000;

/** One purchase while something is away, which then comes back. */
export async function runOutage(
  world: World,
  trial: OutageTrial,
  awayMs: number,
  spectator: Spectator = {},
): Promise<OutageRow> {
  const { away, without, told: allowed, expected } = trial;
  const customer = await world.newCustomer();
  const bystander = await Bystander.start(world.databaseUrls.user, customer);
  try {
    const { answer, comeBack } = await goAway(world, away, world.request(customer));
    const over = lasts(awayMs);
    const fate = await bystander.fate();
    // A process that stands still answers when it is back.
    const early =
      away === 'user-service' ? undefined : await Promise.race([answer, lasts(PATIENCE_MS, 'nothing' as const)]);
    await over;
    await spectator.hurt?.(customer, await readBooks(world, customer), fate);
    await comeBack();
    const told = early ?? (await answer);
    const { afterMs, books } = await rest(world, customer, expected.ending);

    await spectator.ended?.(customer, books);
    const found = { bystander: fate, ending: endingOf(books) };
    const problems = [
      difference(expected, found),
      allowed.includes(told) ? undefined : `told: ${allowed.join(' or ')} expected, ${told} found`,
    ].filter((problem) => problem !== undefined);
    return {
      protocol: world.protocol.name,
      away,
      ...(without !== undefined && { without }),
      awayMs,
      told,
      ...found,
      bystanderMs: Math.round(bystander.longestWaitMs),
      ...(afterMs !== undefined && { lateMs: afterMs }),
      moneyAfter: books.money,
      asExpected: problems.length === 0,
      ...(problems.length > 0 && { problem: problems.join('; ') }),
    };
  } finally {
    await bystander.stop();
  }
}

interface Away {
  readonly answer: Promise<Told>;
  comeBack(): Promise<void>;
}

/** Takes it away, and buys. */
async function goAway(world: World, away: Outage, request: PurchaseRequest): Promise<Away> {
  const buy = (): Promise<Told> => world.buy(request).catch(() => 'nothing' as const);
  const { user, order } = world.services;
  switch (away) {
    case 'broker':
    case 'order database': {
      const proxy = world.proxies![away];
      await proxy.refuse(true);
      proxy.cut();
      return { answer: buy(), comeBack: () => proxy.refuse(false) };
    }
    case 'order-service':
      await order.kill();
      return { answer: buy(), comeBack: () => order.start() };
    case 'user-service': {
      const { midway } = world.protocol;
      const entries = (await world.journal.entries()).length;
      await user.ask({ kind: 'arm', step: midway, action: 'stop' });
      const answer = buy();
      await world.journal.reached(midway, entries);
      return { answer, comeBack: async () => user.signal('SIGCONT') };
    }
    default:
      return away satisfies never;
  }
}
