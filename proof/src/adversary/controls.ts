import {
  Cleanup,
  type PostgresDatabaseServer,
  type RabbitServer,
  startPostgres,
  startRabbit,
} from '@tallystick/services';
import { type Attempt, type Defence, runAdversaries } from './adversary';
import { committed, grown } from './committed';
import { proveEnvelopes } from './hostile';
import { type Check, CHECKS, without } from './without';

/** Who gets through without a check, and with what. `envelopes`: what is no attack on a purchase, but must not be stored. */
const BREAKS: Readonly<Record<Check, (Attempt & { readonly defence: Defence }) | 'envelopes'>> = {
  'a queue yields only what it is for': {
    defence: 'neither',
    who: 'may write receipts',
    attack: 'orders through the exchange of receipts',
  },
  'what is not signed is refused': {
    defence: 'signing',
    who: 'the user of another service',
    attack: 'forges a rejection',
  },
  'messages are from the user of their service': {
    defence: 'checked users',
    who: 'may write messages and cancels',
    attack: 'orders in the name of the producer',
  },
  'cancels are from the user of their service': {
    defence: 'checked users',
    who: 'may write messages and cancels',
    attack: 'forges a cancel',
  },
  'receipts are from the user of their service': {
    defence: 'checked users',
    who: 'may write receipts',
    attack: 'forges a rejection',
  },
  'nobody asks for answers to somebody else': {
    defence: 'checked users',
    who: 'the user of another service',
    attack: 'cancels in its own name and has the producer told',
  },
  'what another queue has passed on is not believed': {
    defence: 'checked users',
    who: 'the user of another service',
    attack: 'cancels in its own name and passes the answer on',
  },
  'an answer is to a content': {
    defence: 'neither',
    who: 'may write messages and cancels',
    attack: 'sends a copy with other content',
  },
  'fields are as narrow as their columns': 'envelopes',
};

export interface AdversaryControl {
  readonly check: Check;
  /** What got through, which does not with the check; empty: the check could be missing and nobody would notice. */
  readonly throughWithout: readonly string[];
}

/** Plain data: it survives `JSON.stringify`. */
export interface AdversaryControlsSummary {
  readonly ok: boolean;
  readonly controls: readonly AdversaryControl[];
  readonly seconds: number;
}

export interface AdversaryControlsOptions {
  /** @default all */
  readonly checks?: readonly Check[];
  /** @default servers of its own */
  readonly servers?: {
    readonly postgres: PostgresDatabaseServer;
    readonly rabbit: Pick<RabbitServer, 'createVhost' | 'addUser'>;
  };
  readonly onProgress?: (line: string) => void;
}

type Servers = NonNullable<AdversaryControlsOptions['servers']>;

/** Services that lack a check each: the adversary must get through, or its attacks prove nothing about those that have all. */
export async function runAdversaryControls(options: AdversaryControlsOptions): Promise<AdversaryControlsSummary> {
  const { checks = CHECKS, onProgress } = options;
  const began = performance.now();
  const cleanup = new Cleanup();
  try {
    const servers = options.servers ?? (await startServers(cleanup, onProgress));
    const controls: AdversaryControl[] = [];
    for (const check of checks) {
      const throughWithout = await whatGetsThrough(check, servers);
      onProgress?.(`without "${check}": ${throughWithout.join('; ') || 'NOTHING GOT THROUGH'}`);
      controls.push({ check, throughWithout });
    }
    const ok = controls.every(({ throughWithout }) => throughWithout.length > 0);
    return { ok, controls, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await cleanup.run();
  }
}

async function startServers(cleanup: Cleanup, onProgress?: (line: string) => void): Promise<Servers> {
  const [postgres, rabbit] = await Promise.all([
    startPostgres({ onProgress }).then((server) => cleanup.stopLater(server)),
    startRabbit({ onProgress }).then((server) => cleanup.stopLater(server)),
  ]);
  return { postgres, rabbit };
}

async function whatGetsThrough(check: Check, servers: Servers): Promise<readonly string[]> {
  const breaks = BREAKS[check];
  if (breaks !== 'envelopes') {
    const { defence, who, attack } = breaks;
    const options = { defences: [defence], attempts: [{ who, attack }], without: check };
    return grown(committed(), await runAdversaries({ ...servers, ...options }));
  }
  const size = { envelopes: 400, seed: 1, transports: ['direct'] } as const;
  const { over } = await proveEnvelopes({ ...size, servers, environment: without(check) });
  return over.flatMap(({ problems }) => problems);
}
