import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { proveAdversary, proveEnvelopes, runAdversaryControls } from './adversary';
import { runControls } from './controls';
import { runClusterCrashes, runCrashMatrix } from './crash';
import type { DatabaseKind } from './rig';
import { type ModelSize, renderProtocolPage, renderTracesPage, runModel } from './model';
import { simulate, simulateQueues } from './simulate';
import { runSoak, runSoakControls } from './soak';
import { type BrokenPart, modelInShort, type Parts, type ProofSummary, withMeasured } from './summary';

export type Part =
  | 'model'
  | 'simulate'
  | 'order'
  | 'crash'
  | 'soak'
  | 'cluster'
  | 'soak-controls'
  | 'adversary'
  | 'adversary-controls'
  | 'envelopes';

export interface Asked {
  readonly seed: number;
  readonly seeds: number;
  readonly messages: number;
  readonly faults: number;
  readonly size: ModelSize;
  /** Of simulated queues in order. */
  readonly inLine: number;
  /** Hostile ones. */
  readonly envelopes: number;
  /** Of crash matrix and soak. */
  readonly database: DatabaseKind;
  /** Commits what the adversary achieved. */
  readonly accept: boolean;
}

type Say = (line: string) => void;

/** From `proof/src` and from `proof/dist`. */
const DOCS = join(__dirname, '..', '..', 'docs');
const PROGRESS_EVERY = 500;
const SEEDS_PER_CONTROL = 500;

const PARTS: Readonly<Record<Part, (asked: Asked, say: Say) => Promise<Parts>>> = {
  // First of all: the only part that needs a machine with nothing else to do, and whoever started it still knows.
  envelopes: async ({ envelopes, seed }, onProgress) => ({
    envelopes: await proveEnvelopes({ envelopes, seed, judgeTimes: true, onProgress }),
  }),
  model: async ({ size }, onProgress) => {
    const summary = await runModel({ size, onProgress });
    if (size === 'full' && summary.ok) {
      writeFileSync(join(DOCS, 'protocol.md'), renderProtocolPage(summary));
      writeFileSync(join(DOCS, 'protocol-traces.md'), renderTracesPage(summary));
    }
    return { model: modelInShort(summary) };
  },
  simulate: async ({ seed, seeds }, say) => {
    const onProgress = (done: number): void => {
      if (done % PROGRESS_EVERY === 0) say(`${done} of ${seeds} seeds`);
    };
    return {
      simulate: await simulate({ firstSeed: seed, seeds, onProgress }),
      controls: await runControls({ firstSeed: 1, seeds: SEEDS_PER_CONTROL, onProgress: say }),
    };
  },
  order: async ({ seed, inLine }, onProgress) => ({
    order: await simulateQueues({ messages: inLine, firstSeed: seed, onProgress }),
  }),
  crash: async ({ seed, database }, onProgress) => ({
    crash: await runCrashMatrix({ seed, scope: 'all', database, onProgress }),
  }),
  soak: async ({ seed, messages, faults, database }, onProgress) => ({
    soak: await runSoak({ seed, messages, faults, database, onProgress }),
  }),
  cluster: async ({ seed, messages, faults }, onProgress) => ({
    clusterCrash: await runClusterCrashes({ onProgress }),
    // What happens to a broker takes longer than most faults of the soak.
    cluster: await runSoak({ seed, messages, faults: Math.ceil(faults / 4), cluster: true, onProgress }),
  }),
  'soak-controls': async ({ seed, database }, onProgress) => ({
    soakControls: await runSoakControls({ seed, database, onProgress }),
  }),
  adversary: async ({ accept }, onProgress) => ({ adversary: await proveAdversary({ accept, onProgress }) }),
  'adversary-controls': async (_, onProgress) => ({ adversaryControls: await runAdversaryControls({ onProgress }) }),
};

/** Runs one part or all of them, one after another, and goes on when one of them finds something. */
export async function prove(part: Part | 'all', asked: Asked, say: Say): Promise<ProofSummary> {
  const began = performance.now();
  const chosen = part === 'all' ? (Object.keys(PARTS) as Part[]) : [part];
  let found: Parts = {};
  const broken: BrokenPart[] = [];
  for (const name of chosen) {
    try {
      found = { ...found, ...(await PARTS[name](asked, (line) => say(`${name}: ${line}`))) };
    } catch (error) {
      broken.push({ part: name, error: inspect(error) });
    }
  }
  const summary: ProofSummary = {
    ok: broken.length === 0 && Object.values(found).every(({ ok }) => ok),
    date: new Date().toISOString().slice(0, 10),
    seed: asked.seed,
    processors: availableParallelism(),
    seconds: Math.round((performance.now() - began) / 1_000),
    ...found,
    broken,
  };
  if (part === 'all') writeMeasured(summary);
  return summary;
}

/** Only where somebody has made room for it. */
function writeMeasured(summary: ProofSummary): void {
  const path = join(DOCS, 'guarantees.md');
  const page = existsSync(path) ? withMeasured(readFileSync(path, 'utf8'), summary) : undefined;
  if (page !== undefined) writeFileSync(path, page);
}
