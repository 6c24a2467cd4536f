import { Cleanup, startPostgres, startRabbit } from '@tallystick/services';
import { type Achieved, ADVERSARIES, ATTACK_NAMES, DEFENCES, runAdversaries } from './adversary';
import { commit, committed, grown } from './committed';

/** Plain data: it survives `JSON.stringify`. */
export interface AdversarySummary {
  readonly ok: boolean;
  readonly attacks: number;
  readonly adversaries: number;
  readonly achieved: Achieved;
  /** Achieved now, and not in the committed table. */
  readonly grown: readonly string[];
  readonly seconds: number;
}

export interface ProveAdversaryOptions {
  /** Commits what was achieved, and writes the table of SECURITY.md. */
  readonly accept?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** All adversaries on servers of their own, against what is committed. */
export async function proveAdversary({ accept, onProgress }: ProveAdversaryOptions): Promise<AdversarySummary> {
  const began = performance.now();
  const cleanup = new Cleanup();
  try {
    const [postgres, rabbit] = await Promise.all([
      startPostgres({ onProgress }).then((server) => cleanup.stopLater(server)),
      startRabbit({ onProgress }).then((server) => cleanup.stopLater(server)),
    ]);
    const achieved = await runAdversaries({ postgres, rabbit, onProgress });
    if (accept) commit(achieved);
    const holes = grown(committed(), achieved);
    return {
      ok: holes.length === 0,
      attacks: ATTACK_NAMES.length * Object.keys(ADVERSARIES).length * DEFENCES.length,
      adversaries: Object.keys(ADVERSARIES).length,
      achieved,
      grown: holes,
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    await cleanup.run();
  }
}
