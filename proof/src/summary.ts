import {
  type AdversaryControlsSummary,
  type AdversarySummary,
  describeOver,
  describeReplies,
  type EnvelopesSummary,
} from './adversary';
import type { ControlsSummary } from './controls';
import type { CrashSummary } from './crash';
import type { ModelSummary } from './model';
import type { DatabaseKind } from './rig';
import type { QueuesSummary, SimulationSummary } from './simulate';
import type { SoakControlsSummary, SoakSummary } from './soak';

/** The model's findings without its traces, which docs/protocol-traces.md has. */
export interface ModelResultInShort {
  readonly ok: boolean;
  readonly size: ModelSummary['size'];
  readonly states: number;
  /** Removals of a rule that broke a property, and those that broke none. */
  readonly breaking: number;
  readonly harmless: number;
  /** Removals and worlds that did not end as expected. */
  readonly unexpected: readonly string[];
}

/** What one call of `npm run prove` found. The parts that were not asked for are absent. */
export interface ProofSummary {
  readonly ok: boolean;
  readonly date: string;
  readonly seed: number;
  readonly processors: number;
  readonly seconds: number;
  readonly model?: ModelResultInShort;
  readonly simulate?: SimulationSummary;
  readonly controls?: ControlsSummary;
  /** Simulated queues. */
  readonly order?: QueuesSummary;
  readonly crash?: CrashSummary;
  readonly soak?: SoakSummary;
  /** With three brokers. */
  readonly clusterCrash?: CrashSummary;
  /** The soak against three brokers. */
  readonly cluster?: SoakSummary;
  readonly soakControls?: SoakControlsSummary;
  readonly adversary?: AdversarySummary;
  readonly adversaryControls?: AdversaryControlsSummary;
  readonly envelopes?: EnvelopesSummary;
  /** Parts that came to no result. */
  readonly broken: readonly BrokenPart[];
}

export interface BrokenPart {
  readonly part: string;
  readonly error: string;
}

export type Parts = Pick<
  ProofSummary,
  | 'model'
  | 'simulate'
  | 'controls'
  | 'order'
  | 'crash'
  | 'soak'
  | 'clusterCrash'
  | 'cluster'
  | 'soakControls'
  | 'adversary'
  | 'adversaryControls'
  | 'envelopes'
>;

export function modelInShort(summary: ModelSummary): ModelResultInShort {
  const parts = [
    summary.request,
    summary.announcement,
    summary.consumers,
    summary.adversary,
    summary.bundles,
    summary.halfMessages,
    summary.ordered,
    ...Object.values(summary.chains),
    summary.everything,
  ].filter((part) => !!part);
  const baselines = parts.flatMap((part) => part.baselines);
  const removals = parts.flatMap((part) => part.removals);
  return {
    ok: summary.ok,
    size: summary.size,
    states: baselines.reduce((sum, { states }) => sum + states, 0),
    breaking: removals.filter(({ outcome }) => outcome === 'breaks').length,
    harmless: removals.filter(({ outcome }) => outcome === 'speed-only').length,
    unexpected: [
      ...baselines.filter(({ holds }) => !holds).map(({ world }) => world),
      ...removals.filter(({ asExpected }) => !asExpected).map(({ id, world }) => `${id} in ${world}`),
    ],
  };
}

/** One line per part, for people and for docs/guarantees.md. */
export function describeParts({
  model,
  simulate,
  controls,
  order,
  crash,
  soak,
  clusterCrash,
  cluster,
  soakControls,
  adversary,
  adversaryControls,
  envelopes,
}: Parts): string[] {
  const lines: string[] = [];
  if (model) {
    lines.push(
      `**model** (${model.size}): ${n(model.states)} states with all rules, every property holds; of the removals ` +
        `${model.breaking} break a property and ${model.harmless} none; ${model.unexpected.length} unexpected`,
    );
  }
  if (simulate) {
    lines.push(
      `**simulate**: ${n(simulate.seeds)} seeds from ${simulate.firstSeed}, ${n(simulate.steps)} steps, ` +
        `${n(simulate.faultsInjected)} faults, ${simulate.failures.length} failing seeds (${seconds(simulate.durationMs / 1_000)})`,
    );
  }
  if (controls) {
    const caught = controls.controls.filter(({ caughtBy }) => caughtBy).length;
    lines.push(`**controls**: ${caught} of ${controls.controls.length} builds that lack a rule were caught`);
  }
  if (order) {
    const caught = order.controls.filter(({ evidence }) => evidence).length;
    lines.push(
      `**order**: ${n(order.messages)} messages in order, ${order.relays} relays, ${n(order.worlds)} worlds, ${n(order.steps)} steps, ` +
        `${n(order.faultsInjected)} faults, ${order.failures.length} worlds with an inversion or anything else that was promised not to be; ` +
        `${caught} of ${order.controls.length} builds that keep no order were caught (${seconds(order.seconds)})`,
    );
  }
  if (crash) lines.push(describeCrash(`crash${where(crash)}`, crash));
  if (soak) lines.push(...describeSoak(`soak${where(soak)}`, soak));
  if (clusterCrash) lines.push(describeCrash('crash, three brokers', clusterCrash));
  if (cluster) lines.push(...describeSoak('cluster, three brokers', cluster));
  if (soakControls) {
    const caught = soakControls.controls.filter((each) => each.caught);
    const evidence = caught.map((each) => `${each.rule}: ${each.evidence}`).join('; ');
    lines.push(
      `**soak controls${where(soakControls)}**: ${caught.length} of ${soakControls.controls.length} running systems that lack a rule were ` +
        `caught (${evidence})`,
    );
  }
  if (adversary) {
    lines.push(
      `**adversary**: ${adversary.attacks} attacks by ${adversary.adversaries} kinds of broker user with each defence off ` +
        `and on; ${adversary.grown.length} achieved what SECURITY.md does not say (${seconds(adversary.seconds)})`,
    );
  }
  if (adversaryControls) {
    const { controls } = adversaryControls;
    const through = controls.filter(({ throughWithout }) => throughWithout.length > 0).length;
    lines.push(
      `**adversary controls**: with ${through} of ${controls.length} checks taken out, one at a time, the adversary got ` +
        `through (${seconds(adversaryControls.seconds)})`,
    );
  }
  if (envelopes)
    lines.push(
      `**hostile envelopes**: ${[...envelopes.over.map(describeOver), ...(envelopes.replies ? [describeReplies(envelopes.replies)] : [])].join('; ')}; seed ${envelopes.seed} (${seconds(envelopes.seconds)})`,
    );
  return lines;
}

function describeCrash(name: string, crash: CrashSummary): string {
  return (
    `**${name}**: ${crash.runs} runs at ${crash.points} points, every point hit, ` +
    `${crash.failures.length} runs that broke the promise (${seconds(crash.seconds)})`
  );
}

function describeSoak(name: string, soak: SoakSummary): string[] {
  const kinds = Object.entries(soak.faultsByKind).map(([kind, count]) => `${kind} ${count}`);
  const found =
    `**${name}**: ${n(soak.messages)} messages, ${soak.faults} faults (${kinds.join(', ')}); lost ${soak.lost}, ` +
    `duplicate effects ${soak.duplicateEffects}, duplicates suppressed ${n(soak.duplicatesSuppressed)}, ` +
    `mismatched verdicts ${soak.mismatchedVerdicts}, money difference ${soak.moneyDifference}, ` +
    `illegal transitions ${soak.illegalTransitions} of ${n(soak.transitions)}, open ${soak.open}; ` +
    `${soak.messagesPerSecond} messages/s under faults, seed ${soak.seed} (${seconds(soak.seconds)})`;
  const chance =
    `  With no failure in ${n(soak.messages)} messages, the probability of one is below 3/N = ` +
    `${soak.probabilityBelow.toExponential(1)} per message, at 95 % confidence`;
  return soak.ok ? [found, chance] : [found];
}

const START = '<!-- measured:start -->';
const END = '<!-- measured:end -->';

/** @returns the page with a new block between its markers; undefined if it has none */
export function withMeasured(page: string, summary: ProofSummary): string | undefined {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) return undefined;
  const result = summary.ok ? 'everything held' : '**something did not hold**';
  const head = `\`npm run prove -- all --seed ${summary.seed}\`, ${summary.date}, ${summary.processors} processors: ${result}.`;
  const items = describeParts(summary).map((line) => (line.startsWith('  ') ? `${line}.` : `- ${line}.`));
  return `${page.slice(0, start)}${START}\n${head}\n\n${items.join('\n')}\n${page.slice(end)}`;
}

function where({ database }: { readonly database: DatabaseKind }): string {
  return database === 'mariadb' ? ', MariaDB' : '';
}

function n(value: number): string {
  return value.toLocaleString('en');
}

function seconds(value: number): string {
  return `${Math.round(value)} s`;
}
