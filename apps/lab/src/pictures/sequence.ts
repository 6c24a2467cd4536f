import type { Passed } from '../service/passed';
import type { Fault } from '../service/steps';
import type { Happening } from '../world/journal';

/** Who speaks to whom, in the order in which it was written down. */
export interface Sequence {
  readonly title: string;
  /** In the order of their columns. */
  readonly actors: readonly string[];
  readonly rows: readonly Row[];
}

export type Row =
  | {
      readonly kind: 'arrow';
      readonly from: string;
      readonly to: string;
      /** The last one stands at the arrow. */
      readonly lines: readonly string[];
      /** An answer; or something that came to nothing. */
      readonly dashed: boolean;
      readonly lost?: true;
    }
  | { readonly kind: 'mark'; readonly on: string; readonly text: string; readonly what: Mark }
  | { readonly kind: 'pause'; readonly text: string };

/** `silence`: an answer that did not come. */
export type Mark = 'step' | 'started' | 'silence' | Fault;

/** What a run is drawn from: kept beside its picture. Times are milliseconds since the shopper bought. */
export interface Recording {
  readonly title: string;
  readonly happenings: readonly Happening[];
}

const ACTORS = ['shopper', 'user database', 'user-service', 'broker', 'order-service', 'order database'];
/** Shorter ones are not worth a line. */
const PAUSE_MS = 500;
const HURT = { die: 'killed', stop: 'stopped', hold: 'held up' } as const;

/** From the journal: what came before the shopper bought does not belong to the purchase. */
export function recordingOf(title: string, everything: readonly Happening[]): Recording {
  const first = everything.findIndex(({ kind }) => kind === 'bought');
  const happenings = everything.slice(first);
  // The world was taken away before somebody had an answer.
  while (happenings.at(-1)?.kind === 'called') happenings.pop();
  const began = happenings[0]!.at;
  return { title, happenings: happenings.map((each) => ({ ...each, at: each.at - began })) };
}

export function sequenceOf({ title, happenings }: Recording): Sequence {
  const rows: Row[] = [];
  for (const [index, happening] of happenings.entries()) {
    const sinceMs = happening.at - (happenings[index - 1]?.at ?? 0);
    if (sinceMs >= PAUSE_MS) rows.push({ kind: 'pause', text: `${(sinceMs / 1_000).toFixed(1)} s later` });
    rows.push(rowOf(happening));
  }
  const used = new Set(rows.flatMap((row) => (row.kind === 'arrow' ? [row.from, row.to] : [])));
  return { title, actors: ACTORS.filter((actor) => used.has(actor)), rows };
}

function rowOf(happening: Happening): Row {
  const service = `${happening.side}-service`;
  if (happening.kind === 'step') {
    const { step, action } = happening;
    if (action === undefined || action === 'pass') return { kind: 'mark', on: service, text: step, what: 'step' };
    return { kind: 'mark', on: service, text: `${step}: ${HURT[action]}`, what: action };
  }
  if (happening.kind === 'started') {
    return { kind: 'mark', on: service, text: 'started again', what: 'started' };
  }
  return arrowOf(happening, service, happening.side === 'user' ? 'order-service' : 'user-service', happening.side);
}

function arrowOf(passed: Exclude<Passed, { kind: 'started' }>, service: string, other: string, side: string): Row {
  const arrow = (from: string, to: string, lines: readonly string[], dashed = false): Row => ({
    kind: 'arrow',
    from,
    to,
    lines,
    dashed,
  });
  switch (passed.kind) {
    case 'bought':
      return arrow('shopper', service, ['buy']);
    case 'told':
      return arrow(service, 'shopper', [passed.answer], true);
    case 'wrote':
      return arrow(service, `${side} database`, [...passed.writes, passed.end], passed.end.startsWith('rollback'));
    case 'sent':
      return arrow(service, 'broker', [passed.message]);
    case 'received':
      return arrow('broker', service, [passed.message]);
    case 'acknowledged':
      return arrow(service, 'broker', ['ack'], true);
    case 'put back':
      return arrow(service, 'broker', ['nack'], true);
    case 'called':
      return arrow(service, other, [passed.path]);
    case 'answered':
      if (passed.answer === 'nothing')
        return { kind: 'mark', on: service, text: `${passed.path}: no answer`, what: 'silence' };
      return arrow(other, service, [`${passed.path}: ${passed.answer}`], true);
    default:
      return passed satisfies never;
  }
}
