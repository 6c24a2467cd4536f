import { Bystander } from '../observers/bystander';
import { type Books, endingOf, readBooks } from '../observers/books';
import type { Bystander as Fate, Trial } from '../protocols/protocol';
import type { ServiceProcess } from '../world/service-process';
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
  const { expected, ...done } = trial;
  const { step, action, rejected = false } = done;
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
    if (action === 'hold') await waits(world, service, trial, answer, entries);
    const before = await readBooks(world, customer);
    await spectator.hurt?.(customer, before, fate);

    const began = performance.now();
    if (action === 'stop') service.signal('SIGCONT');
    if (action === 'hold' && service.running) await goesOn(service, trial, answer);
    if (!service.running) await service.start();
    const startedMs = Math.round(performance.now() - began);
    await answer;
    const { afterMs, books } = await rest(world, customer, expected.ending);
    await spectator.ended?.(customer, books);

    const found = { bystander: fate, ending: endingOf(books) };
    const problem = difference(expected, found);
    return {
      protocol: world.protocol.name,
      ...done,
      rejected,
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

/** Until others have given up waiting for it, or the same process was somewhere else. */
async function waits(
  { journal }: World,
  service: ServiceProcess,
  { meanwhile }: Trial,
  answer: Promise<unknown>,
  entries: number,
): Promise<void> {
  if (!meanwhile) {
    await answer;
    return;
  }
  await service.ask({ kind: 'arm', ...meanwhile });
  await journal.reached(meanwhile.step, entries);
  if (meanwhile.action === 'die') await service.ended();
}

/** Perhaps to where it dies; or something keeps it from getting there. */
async function goesOn(service: ServiceProcess, { thenDies }: Trial, answer: Promise<unknown>): Promise<void> {
  if (thenDies === undefined) {
    await service.ask({ kind: 'release' });
    return;
  }
  await service.ask({ kind: 'arm', step: thenDies, action: 'die' });
  await service.ask({ kind: 'release' });
  await answer;
  if (service.running) await service.ask({ kind: 'disarm' });
}
