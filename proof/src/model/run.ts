import { ADVERSARY_PROPERTIES, ADVERSARY_REMOVALS, ADVERSARY_RULES, adversary } from './adversary';
import { ANNOUNCEMENT_PROPERTIES, ANNOUNCEMENT_REMOVALS, ANNOUNCEMENT_RULES, announcement } from './announcement';
import { BUNDLE_PROPERTIES, BUNDLE_REMOVALS, BUNDLE_RULES, bundles } from './bundles';
import {
  CHAIN_PROPERTIES,
  NESTED_REMOVALS,
  NESTED_RULES,
  nested,
  ORCHESTRATION_REMOVALS,
  ORCHESTRATION_RULES,
  orchestrated,
  REPORT_REMOVALS,
  REPORT_RULES,
  reported,
} from './chains';
import { CHAPTERS, Removal, SideRemoval } from './chapters';
import { Fields, StateOf } from './codec';
import { explore, Finding, Model, Property } from './explorer';
import { HALF_PROPERTIES, HALF_REMOVALS, HALF_RULES, halfMessages } from './half-messages';
import { PROPERTIES } from './invariants';
import { ORDER_PROPERTIES, ORDER_REMOVALS, ORDER_RULES, ordered } from './ordered';
import { protocol } from './protocol';
import { CONSUMER_PROPERTIES, CONSUMER_REMOVALS, CONSUMER_RULES, consumers } from './consumers';
import { RULES } from './rules';
import { State } from './state';
import { BaselineResult, ModelResult, ModelSize, ModelSummary, RemovalResult, TimedResult } from './summary';
import { burst, deadlineNoticedLate, publishesDuring } from './timed';
import { EVERYTHING, Setting, SMALL_WORLDS } from './worlds';

/** How much to explore, and who wants to hear about it. */
export interface ModelOptions {
  readonly size: ModelSize;
  /** Called after each exploration with one line for people, timing included. */
  readonly onProgress?: (line: string) => void;
}

/**
 * Explores the protocol with all its rules, which must hold, and without each of them, which must break something
 * (or nothing, for the rules that are said to be for speed). Deterministic: the same code gives the same summary.
 */
export async function runModel(options: ModelOptions): Promise<ModelSummary> {
  const run = new Run(options.onProgress ?? (() => undefined));
  const request = await run.requestModel(SMALL_WORLDS, REMOVALS, ({ world = 'young' }) => world);
  const announcementModel = await run.sideModel(
    announcement,
    ANNOUNCEMENT_PROPERTIES,
    ANNOUNCEMENT_REMOVALS,
    ANNOUNCEMENT_RULES,
    {
      world: 'announcement',
      says: 'one announcement, one subscriber that may boot later, a quarantine, an operator',
    },
  );
  const consumersModel = await run.sideModel(consumers, CONSUMER_PROPERTIES, CONSUMER_REMOVALS, CONSUMER_RULES, {
    world: 'two consumers',
    says: 'one message, two consumers; copies and receipts that are lost or come twice',
  });
  const adversaryModel = await run.sideModel(adversary, ADVERSARY_PROPERTIES, ADVERSARY_REMOVALS, ADVERSARY_RULES, {
    world: 'adversary',
    says: 'one purchase, its producer and consumer, and somebody at the broker who reads, alters, invents and withholds',
  });
  const bundlesModel = await run.sideModel(bundles, BUNDLE_PROPERTIES, BUNDLE_REMOVALS, BUNDLE_RULES, {
    world: 'bundles',
    says: 'two messages of one producer for one consumer, alone or together; a step may deliver, lose or repeat both at once; versions of both that read no bundles',
  });
  const halfMessagesModel = await run.sideModel(halfMessages, HALF_PROPERTIES, HALF_REMOVALS, HALF_RULES, {
    world: 'half messages',
    says: 'one half message, the process that does its work, and two that are asked about it at the same time; each may die between any two steps',
  });
  const orderedModel = await run.sideModel(ordered, ORDER_PROPERTIES, ORDER_REMOVALS, ORDER_RULES, {
    world: 'order of a key',
    says: 'two transactions that record one key and may overlap, two relays that look before they write, a queue that loses and repeats, a consumer; everybody may die between any two steps',
  });
  const chains = await exploreChains(run);
  const parts = [request, announcementModel, consumersModel, adversaryModel, bundlesModel, halfMessagesModel];
  parts.push(orderedModel);
  parts.push(...Object.values(chains));
  const everything =
    options.size === 'full'
      ? await run.requestModel({ everything: EVERYTHING }, REMOVALS.filter(honest), () => 'everything')
      : undefined;
  if (everything) parts.push(everything);
  return {
    size: options.size,
    ok: parts.every(isFine),
    request,
    chart: drawChart(),
    announcement: announcementModel,
    consumers: consumersModel,
    adversary: adversaryModel,
    bundles: bundlesModel,
    halfMessages: halfMessagesModel,
    ordered: orderedModel,
    chains,
    timed: calculate(),
    ...(everything && { everything }),
  };
}

/** Three designs for one purchase over three services, with the same properties. */
async function exploreChains(run: Run): Promise<ModelSummary['chains']> {
  const all = CHAIN_PROPERTIES;
  return {
    nested: await run.sideModel(nested, all, NESTED_REMOVALS, NESTED_RULES, {
      world: 'chain, a verdict that waits',
      says: 'order-service’s verdict waits for that of stock-service',
    }),
    orchestrated: await run.sideModel(orchestrated, all, ORCHESTRATION_REMOVALS, ORCHESTRATION_RULES, {
      world: 'chain, orchestrated',
      says: 'user-service asks one after the other, and has undone what was done',
    }),
    reported: await run.sideModel(reported, all, REPORT_REMOVALS, REPORT_RULES, {
      world: 'chain, reported',
      says: 'order-service accepts, asks stock-service, and reports the outcome with a message of its own',
    }),
  };
}

const REMOVALS = CHAPTERS.flatMap((chapter) => chapter.removals);

/** In the world of the full size the consumer is honest; what only a dishonest one breaks cannot show there. */
const honest = ({ world }: Removal): boolean => world !== 'contradictions';

class Run {
  constructor(private readonly say: (line: string) => void) {}

  /** The request protocol: every world with all rules, then every removal in the world it asks for. */
  async requestModel<Name extends string>(
    worlds: Readonly<Record<Name, Setting>>,
    removals: readonly Removal[],
    worldOf: (removal: Removal) => Name,
  ): Promise<ModelResult> {
    const baselines: BaselineResult[] = [];
    for (const [name, setting] of Object.entries<Setting>(worlds)) {
      const finding = await this.explore(
        `all rules, ${name}`,
        protocol(setting.world),
        propertiesNamed(setting.properties),
      );
      baselines.push(baseline(name, setting.says, setting.properties, finding));
    }
    const results: RemovalResult[] = [];
    for (const removal of removals) {
      const name = worldOf(removal);
      const { world, properties } = worlds[name];
      const asked = propertiesNamed(removal.breaks ? [removal.breaks] : properties);
      const finding = await this.explore(`without ${removal.id}`, protocol(world, removal.without), asked);
      const without = removal.without.map((rule) => RULES[rule]);
      results.push(removed({ ...removal, without, world: name }, finding));
    }
    return { baselines, removals: results };
  }

  /** A model of its own, with all rules and without each. */
  async sideModel<F extends Fields, Rule extends string>(
    model: (without?: readonly Rule[]) => Model<F>,
    properties: readonly Property<StateOf<F>>[],
    removals: readonly SideRemoval<Rule>[],
    rules: Readonly<Record<Rule, string>>,
    { world, says }: { world: string; says: string },
  ): Promise<ModelResult> {
    const ids = properties.map(({ id }) => id);
    const whole = baseline(world, says, ids, await this.explore(`all rules, ${world}`, model(), properties));
    const results: RemovalResult[] = [];
    for (const removal of removals) {
      const asked = removal.breaks ? properties.filter(({ id }) => id === removal.breaks) : properties;
      const finding = await this.explore(`without ${removal.id}`, model(removal.without), asked);
      results.push(removed({ ...removal, without: removal.without.map((rule) => rules[rule]), world }, finding));
    }
    return { baselines: [whole], removals: results };
  }

  private async explore<F extends Fields>(
    title: string,
    model: Model<F>,
    properties: readonly Property<StateOf<F>>[],
  ): Promise<Finding> {
    await new Promise(setImmediate); // a caller may want to print, or to stop, between two explorations
    const started = process.hrtime.bigint();
    const finding = explore(model, properties);
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const { states, edges, broken } = finding;
    const result = broken ? `${broken.property} broken in ${broken.trace.length} steps` : 'holds';
    this.say(`${title}: ${result} (${states} states, ${edges} edges, ${seconds.toFixed(1)} s)`);
    return finding;
  }
}

function propertiesNamed(ids: readonly string[]): Property<State>[] {
  return PROPERTIES.filter(({ id }) => ids.includes(id));
}

function baseline(world: string, says: string, properties: readonly string[], finding: Finding): BaselineResult {
  const { states, edges, broken } = finding;
  return { world, says, properties, states, edges, holds: !broken, ...(broken && { broken }) };
}

interface Removed {
  readonly id: string;
  readonly without: readonly string[];
  readonly says?: string;
  readonly thereafter?: string;
  readonly breaks?: string;
  readonly world: string;
}

function removed(removal: Removed, { states, edges, broken }: Finding): RemovalResult {
  const { id, without, says, thereafter, breaks, world } = removal;
  return {
    id,
    without,
    ...(says !== undefined && { says }),
    world,
    outcome: broken ? 'breaks' : breaks ? 'holds' : 'speed-only',
    ...(broken && { property: broken.property }),
    trace: broken?.trace ?? [],
    ...(broken?.holdings && { holdings: broken.holdings }),
    ...(thereafter !== undefined && { thereafter }),
    states,
    edges,
    asExpected: broken?.property === breaks,
  };
}

function isFine({ baselines, removals }: ModelResult): boolean {
  return baselines.every(({ holds }) => holds) && removals.every(({ asExpected }) => asExpected);
}

/** The chart of states as it is explored, not as it is meant: a step invariant that never complains sees every step. */
function drawChart(): Record<string, string[]> {
  const arrows = new Map<string, Set<string>>();
  const observer: Property<State> = {
    kind: 'step invariant',
    id: 'observer',
    says: '',
    watches: ['delivery'],
    holds(before, after) {
      if (before.delivery === after.delivery) return true;
      arrows.set(before.delivery, (arrows.get(before.delivery) ?? new Set()).add(after.delivery));
      return true;
    },
  };
  explore(protocol(SMALL_WORLDS.young.world), [observer]);
  return Object.fromEntries([...arrows].map(([from, to]) => [from, [...to].sort()]));
}

function calculate(): TimedResult {
  const busyTwin = [45, 120, 600].map((handlerSeconds) => ({
    handlerSeconds,
    deferred: publishesDuring(handlerSeconds, 'deferred'),
    silent: publishesDuring(handlerSeconds, 'silent'),
  }));
  const deadline = [300, 1800, 7200].map((deadlineSeconds) => ({
    deadlineSeconds,
    capped: deadlineNoticedLate(deadlineSeconds, true),
    notCapped: deadlineNoticedLate(deadlineSeconds, false),
  }));
  return { burst: { leaseChecked: burst(true), leaseNotChecked: burst(false) }, busyTwin, deadline };
}
