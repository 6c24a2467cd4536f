import { Bystander } from '../observers/bystander';
import { type Books, endingOf, readBooks } from '../observers/books';
import type { Bystander as Fate, Trial } from '../protocols/protocol';
import type { World } from '../world/world';
import { type CrashRow, difference } from './rows';
import { rest } from './rest';

/** What a spectator may want to look at meanwhile. */
export interface Spectator {
  /** The process is dead, stopped, or held up. */
  hurt?(customer: number, books: Books, fate: Fate): Promise<void>;
  /** Everything is at rest. */
  ended?(customer: number, books: Books): Promise<void>;
}

/**
 * One purchase, in which one process is hurt at one step; then that process comes back, as whoever runs it would see to it,
 * and nobody does anything else.
 */
export async function runCrash(world: World, trial: Trial, spectator: Spectator = {}): Promise<CrashRow> {
  const { step, action, rejected = false, without, expected } = trial;
  const customer = await world.newCustomer();
  const service = world.services[world.protocol.steps[step]!.at];
  const bystander = await Bystander.start(world.databaseUrls.user, customer);
  try {
    const entries = (await world.journal.entries()).length;
    await service.ask({ kind: 'arm', step, action });
    const answer = world.buy(world.request(customer, rejected)).catch(() => undefined);
    await world.journal.reached(step, entries);
    if (action === 'die') await service.ended();
    const fate = await bystander.fate();
    if (action === 'hold') await answer; // others have given up waiting for it, and gone on
    const before = await readBooks(world, customer);
    await spectator.hurt?.(customer, before, fate);

    const began = performance.now();
    if (action === 'die') await service.start();
    if (action === 'stop') service.signal('SIGCONT');
    if (action === 'hold') await service.ask({ kind: 'release' });
    const startedMs = Math.round(performance.now() - began);
    await answer;
    const { afterMs, books } = await rest(world, customer, expected.ending);
    await spectator.ended?.(customer, books);

    const found = { bystander: fate, ending: endingOf(books) };
    const problem = difference(expected, found);
    return {
      protocol: world.protocol.name,
      step,
      action,
      rejected,
      ...(without !== undefined && { without }),
      ...found,
      bystanderMs: Math.round(bystander.longestWaitMs),
      moneyBefore: before.money,
      halfDoneBefore: before.halfDone,
      ...(afterMs !== undefined && { recoveredMs: startedMs + afterMs }),
      moneyAfter: books.money,
      asExpected: problem === undefined,
      ...(problem !== undefined && { problem }),
    };
  } finally {
    await bystander.stop();
  }
}
