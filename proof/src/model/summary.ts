import { BurstResult } from './timed';

/** The small worlds one by one, or those and then everything at once. */
export type ModelSize = 'small' | 'full';

/** The protocol with all its rules, explored in one world. */
export interface BaselineResult {
  readonly world: string;
  readonly says: string;
  readonly properties: readonly string[];
  readonly states: number;
  readonly edges: number;
  readonly holds: boolean;
  /** Only when a property does not hold, which would be a finding about the protocol itself. */
  readonly broken?: { readonly property: string; readonly trace: readonly string[] };
}

/**
 * What became of the protocol without some rule.
 * - `breaks`: a property is broken, and the trace shows how
 * - `holds`: nothing broke although the rule is said to be needed, which is a finding about the rule
 * - `speed-only`: nothing broke, as expected
 */
export type Outcome = 'breaks' | 'holds' | 'speed-only';

/** One experiment: the protocol without some of its rules. */
export interface RemovalResult {
  readonly id: string;
  /** The rules that were removed, as sentences. */
  readonly without: readonly string[];
  readonly says?: string;
  readonly world: string;
  readonly outcome: Outcome;
  /** The property that broke; absent unless something did. */
  readonly property?: string;
  /** The shortest way there, one sentence per step. */
  readonly trace: readonly string[];
  /** After each step: what user-service, the broker and order-service hold. Only of the request protocol. */
  readonly holdings?: readonly (readonly string[])[];
  /** Why there is no way on from the end of the trace; or what a rule is good for without which nothing breaks. */
  readonly thereafter?: string;
  /** States found, until the property broke or in all. */
  readonly states: number;
  readonly edges: number;
  readonly asExpected: boolean;
}

/** A group of experiments on one model. */
export interface ModelResult {
  readonly baselines: readonly BaselineResult[];
  readonly removals: readonly RemovalResult[];
}

/** The rules that are about *when*, by arithmetic. */
export interface TimedResult {
  readonly burst: { readonly leaseChecked: BurstResult; readonly leaseNotChecked: BurstResult };
  readonly busyTwin: readonly { handlerSeconds: number; deferred: number; silent: number }[];
  readonly deadline: readonly { deadlineSeconds: number; capped: number; notCapped: number }[];
}

/** Everything that a run of the model found. Plain data: it survives `JSON.stringify`. */
export interface ModelSummary {
  readonly size: ModelSize;
  /** Every baseline holds, and every removal ends as expected. */
  readonly ok: boolean;
  /** The request protocol in the small worlds. */
  readonly request: ModelResult;
  /** Which state a delivery may go to from which, as explored. */
  readonly chart: Readonly<Record<string, readonly string[]>>;
  readonly announcement: ModelResult;
  readonly consumers: ModelResult;
  readonly adversary: ModelResult;
  readonly bundles: ModelResult;
  readonly halfMessages: ModelResult;
  readonly ordered: ModelResult;
  readonly chains: Readonly<Record<'nested' | 'orchestrated' | 'reported', ModelResult>>;
  readonly timed: TimedResult;
  /** The request protocol with everything at once; only in the full size. */
  readonly everything?: ModelResult;
}
