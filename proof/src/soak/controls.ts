import type { DatabaseKind } from '../rig';
import { type Lack, runSoak, type SoakSummary } from './soak';

const RULES = {
  R2: { without: 'the inbox takes every copy for a new message', side: 'consumer' },
  R9: { without: 'the inbox forgets while copies are on their way', side: 'consumer' },
  R10: { without: 'one message in fifty is not recorded with its purchase', side: 'producer' },
} as const;
type Rule = keyof typeof RULES;

/** Soaks that must fail: one that noticed nothing here would prove nothing about the build that has all rules. */
const LACKS: Readonly<Record<DatabaseKind, Readonly<Record<Rule, Lack['sql']>>>> = {
  postgres: {
    // Not by dropping its key: a service that is started then refuses such a table.
    R2: [
      `create function forget_twin() returns trigger language plpgsql as $$
      begin
        delete from inbox_message
        where consumer = new.consumer and message_id = new.message_id and source = new.source;
        return new;
      end $$`,
      'create trigger forget_twin before insert on inbox_message for each row execute function forget_twin()',
    ],
    R9: [
      `create function forget() returns trigger language plpgsql as $$
      begin
        delete from inbox_message where received_at < clock_timestamp() - interval '1 second';
        return null;
      end $$`,
      'create trigger forget after insert on inbox_message for each statement execute function forget()',
    ],
    R10: [
      `create function lose() returns trigger language plpgsql as $$
      begin
        delete from outbox_delivery where message_id = new.id;
        delete from outbox_message where id = new.id;
        return null;
      end $$`,
      `create constraint trigger lose after insert on outbox_message deferrable initially deferred
        for each row when (random() < 0.02) execute function lose()`,
    ],
  },
  // A trigger may not touch the table that it is on. So it is on what the services write in the same transaction, or no trigger.
  mariadb: {
    R2: [
      `create trigger forget_twin after insert on orders for each row
        delete from inbox_message where message_id = new.message_id`,
    ],
    R9: [
      `create event forget on schedule every 1 second do
        delete from inbox_message where received_at < utc_timestamp(6) - interval 1 second`,
    ],
    R10: [
      `create trigger lose after insert on purchase for each row
        if rand() < 0.02 then
          delete from outbox_delivery where message_id = new.message_id;
          delete from outbox_message where id = new.message_id;
        end if`,
    ],
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
  readonly database: DatabaseKind;
  readonly controls: readonly SoakControl[];
}

export interface SoakControlsOptions {
  readonly seed: number;
  /** @default 'postgres' */
  readonly database?: DatabaseKind;
  readonly onProgress?: (line: string) => void;
}

/** Small, but with every kind of fault at least once. */
const SIZE = { messages: 600, faults: 14 };
/** What has not come to its end by then is what was to be found. */
const QUIET_WITHIN_MS = 30_000;

/** Builds that lack a rule, on real processes: each must be caught. */
export async function runSoakControls({
  seed,
  database = 'postgres',
  onProgress,
}: SoakControlsOptions): Promise<SoakControlsSummary> {
  const controls: SoakControl[] = [];
  for (const rule of Object.keys(RULES) as Rule[]) {
    const lack: Lack = { ...RULES[rule], sql: LACKS[database][rule] };
    onProgress?.(`without ${rule}: ${lack.without}`);
    const summary = await runSoak({ ...SIZE, seed, database, onProgress, lack, quietWithinMs: QUIET_WITHIN_MS });
    const control = { rule, without: lack.without, caught: !summary.ok, evidence: evidenceOf(summary) };
    onProgress?.(`without ${rule}: ${control.caught ? 'caught' : 'NOT CAUGHT'}: ${control.evidence}`);
    controls.push(control);
  }
  return { ok: controls.every(({ caught }) => caught), database, controls };
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
