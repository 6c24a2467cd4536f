import { run } from './run';
import { SABOTAGES } from './sabotage';
import { QUEUES } from './scale';
import { simulate, type SimulationSummary } from './simulate';

/** Builds that keep no order; each must be caught. */
const DISORDERLY = [
  'what is to be in order is claimed without a look at what is before it',
  'the next of a key is looked for among those that wait only',
  'numbers are drawn without waiting for who records the same key',
] as const;

/** What was recorded in order, and what came of it; JSON. */
export interface QueuesSummary {
  readonly ok: boolean;
  readonly messages: number;
  readonly relays: number;
  readonly worlds: number;
  readonly steps: number;
  readonly faultsInjected: number;
  /** Worlds that broke an invariant, be it the order or another one. */
  readonly failures: SimulationSummary['failures'];
  /** For each build that keeps no order: the first world that noticed. */
  readonly controls: readonly { readonly without: string; readonly evidence: string | undefined }[];
  readonly seconds: number;
}

export interface QueuesOptions {
  /** At least so many are recorded. */
  readonly messages: number;
  readonly firstSeed: number;
  readonly onProgress?: (line: string) => void;
  readonly workers?: number;
}

/** So many worlds between two lines of progress: about a minute. */
const ROUND = 100;
const SEEDS_PER_CONTROL = 50;

/** Long queues in worlds with every fault: at four relays, until so many messages were recorded. */
export async function simulateQueues(options: QueuesOptions): Promise<QueuesSummary> {
  const { messages, firstSeed, onProgress = () => {}, workers } = options;
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 1_000);
  const sum = { messages: 0, worlds: 0, steps: 0, faultsInjected: 0 };
  const failures: SimulationSummary['failures'][number][] = [];
  while (sum.messages < messages) {
    const seed = firstSeed + sum.worlds;
    const seeds = Math.min(ROUND, Math.ceil((messages - sum.messages) / QUEUES.purchases.least));
    const round = await simulate({
      firstSeed: seed,
      seeds,
      world: 'queues',
      ...(workers !== undefined && { workers }),
    });
    sum.messages += round.inLine;
    sum.worlds += round.seeds;
    sum.steps += round.steps;
    sum.faultsInjected += round.faultsInjected;
    failures.push(...round.failures);
    onProgress(
      `${sum.messages} of ${messages} messages in ${sum.worlds} worlds, ${sum.faultsInjected} faults, ` +
        `${failures.length} failing worlds (${seconds()} s)`,
    );
  }
  const controls: { without: string; evidence: string | undefined }[] = [];
  for (const without of DISORDERLY) {
    const evidence = await caught(without, firstSeed);
    onProgress(`${evidence ? `caught, ${evidence}` : 'NOT CAUGHT'}: ${without}`);
    controls.push({ without, evidence });
  }
  const ok = failures.length === 0 && controls.every(({ evidence }) => evidence !== undefined);
  return { ok, ...sum, relays: QUEUES.relays, failures, controls, seconds: seconds() };
}

/** @returns what the first world said that noticed, if it is about the order */
async function caught(without: (typeof DISORDERLY)[number], firstSeed: number): Promise<string | undefined> {
  for (let seed = firstSeed; seed < firstSeed + SEEDS_PER_CONTROL; seed++) {
    const { violation } = await run(seed, { sabotage: SABOTAGES[without]!, scale: QUEUES });
    if (violation?.startsWith('I10')) return `seed ${seed}: ${violation}`;
  }
  return undefined;
}
