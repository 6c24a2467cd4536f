import { type Lack, runSoak, type SoakSummary } from './soak';

/** Soaks that must fail: one that noticed nothing here would prove nothing about the build that has all rules. */
const LACKS: Readonly<Record<string, Lack>> = {
  R2: {
    without: 'the inbox takes every copy for a new message',
    side: 'consumer',
    // Not by dropping its key: a service that is started then refuses such a table.
    sql: `
      create function forget_twin() returns trigger language plpgsql as $$
      begin
        delete from inbox_message
        where consumer = new.consumer and message_id = new.message_id and source = new.source;
        return new;
      end $$;
      create trigger forget_twin before insert on inbox_message for each row execute function forget_twin()`,
  },
  R9: {
    without: 'the inbox forgets while copies are on their way',
    side: 'consumer',
    sql: `
      create function forget() returns trigger language plpgsql as $$
      begin
        delete from inbox_message where received_at < clock_timestamp() - interval '1 second';
        return null;
      end $$;
      create trigger forget after insert on inbox_message for each statement execute function forget()`,
  },
  R10: {
    without: 'one message in fifty is not recorded with its purchase',
    side: 'producer',
    sql: `
      create function lose() returns trigger language plpgsql as $$
      begin
        delete from outbox_delivery where message_id = new.id;
        delete from outbox_message where id = new.id;
        return null;
      end $$;
      create constraint trigger lose after insert on outbox_message deferrable initially deferred
        for each row when (random() < 0.02) execute function lose()`,
  },
};

export interface SoakControl {
  readonly rule: string;
  readonly without: string;
  readonly caught: boolean;
  /** What was noticed. */
  readonly evidence: string;
}

/** Plain data: it survives `JSON.stringify`. */
export interface SoakControlsSummary {
  readonly ok: boolean;
  readonly controls: readonly SoakControl[];
}

export interface SoakControlsOptions {
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

/** Small, but with every kind of fault once. */
const SIZE = { messages: 600, faults: 13 };
/** What has not come to its end by then is what was to be found. */
const QUIET_WITHIN_MS = 30_000;

/** Builds that lack a rule, on real processes: each must be caught. */
export async function runSoakControls({ seed, onProgress }: SoakControlsOptions): Promise<SoakControlsSummary> {
  const controls: SoakControl[] = [];
  for (const [rule, lack] of Object.entries(LACKS)) {
    onProgress?.(`without ${rule}: ${lack.without}`);
    const summary = await runSoak({ ...SIZE, seed, onProgress, lack, quietWithinMs: QUIET_WITHIN_MS });
    const control = { rule, without: lack.without, caught: !summary.ok, evidence: evidenceOf(summary) };
    onProgress?.(`without ${rule}: ${control.caught ? 'caught' : 'NOT CAUGHT'}: ${control.evidence}`);
    controls.push(control);
  }
  return { ok: controls.every(({ caught }) => caught), controls };
}

function evidenceOf(summary: SoakSummary): string {
  const { lost, open, duplicateEffects, mismatchedVerdicts, moneyDifference, illegalTransitions } = summary;
  const findings = {
    lost,
    open,
    'duplicate effects': duplicateEffects,
    'mismatched verdicts': mismatchedVerdicts,
    'money difference': moneyDifference,
    'illegal transitions': illegalTransitions,
  };
  const found = Object.entries(findings).filter(([, count]) => count !== 0);
  return found.map(([what, count]) => `${what} ${count}`).join(', ') || (summary.problems[0] ?? 'nothing was noticed');
}
