import { burst } from '../model/timed';
import { run } from '../simulate/run';
import { type Sabotage, SABOTAGES } from '../simulate/sabotage';
import { MORE_SABOTAGES } from './more-sabotages';

/** One build that lacks a rule, and who noticed. */
export interface Control {
  /** E.g. `R7`; `–` for what is no rule of its own. */
  readonly rule: string;
  /** What the build does instead. */
  readonly without: string;
  readonly caughtBy: 'simulation' | 'arithmetic' | undefined;
  /** The first thing that was noticed. */
  readonly evidence: string;
}

/** Plain data: it survives `JSON.stringify`. */
export interface ControlsSummary {
  /** Every build was caught, and every rule has one. */
  readonly ok: boolean;
  readonly controls: readonly Control[];
  /** Rules without a build that lacks them. */
  readonly missing: readonly string[];
}

export interface ControlsOptions {
  readonly firstSeed: number;
  /** Give up on a build after so many. Most are caught within ten. */
  readonly seeds: number;
  readonly onProgress?: (line: string) => void;
}

const RULES = Array.from({ length: 16 }, (_, index) => `R${index + 1}`);

/**
 * Negative controls: builds that must fail. Each lacks one rule, by a replaced part of its store, and the simulation has to
 * notice, or it would prove nothing about the build that has them all.
 */
export async function runControls(options: ControlsOptions): Promise<ControlsSummary> {
  const { onProgress = () => {} } = options;
  const controls: Control[] = [];
  for (const [name, sabotage] of Object.entries({ ...SABOTAGES, ...MORE_SABOTAGES })) {
    const control = { ...split(name), ...(await simulated(sabotage, options)) };
    onProgress(describeControl(control));
    controls.push(control);
  }
  const late = withoutLeaseCheck();
  onProgress(describeControl(late));
  controls.push(late);
  controls.sort((one, other) => RULES.indexOf(one.rule) - RULES.indexOf(other.rule));
  const missing = RULES.filter((rule) => !controls.some((control) => control.rule === rule));
  return { ok: missing.length === 0 && controls.every(({ caughtBy }) => caughtBy), controls, missing };
}

export function describeControl({ rule, without, caughtBy, evidence }: Control): string {
  return `${rule.padEnd(4)} ${caughtBy ? `caught by ${caughtBy}` : 'NOT CAUGHT'} · ${without} · ${evidence}`;
}

async function simulated(
  sabotage: Sabotage,
  { firstSeed, seeds }: ControlsOptions,
): Promise<Pick<Control, 'caughtBy' | 'evidence'>> {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { violation } = await run(seed, { sabotage });
    if (violation !== undefined)
      return { caughtBy: 'simulation', evidence: `seed ${seed}: ${violation.slice(0, 160)}` };
  }
  return { caughtBy: undefined, evidence: `${seeds} seeds noticed nothing` };
}

/**
 * R16 is about load, not about safety: a copy too many is recognised, so no invariant breaks without it. What it prevents
 * is that duplicates take the place of new messages for ever, and that is a calculation.
 */
function withoutLeaseCheck(): Control {
  const [sane, insane] = [burst(true), burst(false)];
  const caught = sane.duplicates === 0 && insane.drainedAtSeconds === null;
  return {
    rule: 'R16',
    without: 'the lease is not checked before publishing',
    caughtBy: caught ? 'arithmetic' : undefined,
    evidence: `a burst that drains in ${sane.drainedAtSeconds} s never drains: ${insane.duplicates} duplicates (breaks no invariant: it is there for the load)`,
  };
}

/** `R7: the row is …` */
function split(name: string): Pick<Control, 'rule' | 'without'> {
  const [, rule, without] = /^(R\d+): (.*)$/.exec(name) ?? [];
  return rule && without ? { rule, without } : { rule: '–', without: name };
}
