import { type DeliveryState, EVERYBODY } from './delivery';
import type { Verdict } from './receipt';
import { type DueRow, HARMLESS, isOneOf, isPastDeadline, ON_THE_WAY, UNDECIDED } from './rules';

/** What can be asked of a row before something is done to it: all that is given must be true. */
export interface Condition {
  readonly state?: readonly DeliveryState[];
  /** None is stored, one is, or another than the one that came. */
  readonly verdict?: 'none' | 'some' | 'another';
  readonly consumer?: 'one' | 'everybody';
  readonly code?: readonly string[];
}

/** What receipts and people do to a row, whoever holds its lease. */
export type Act =
  /** A verdict is stored (R6). */
  | 'answer'
  /** A verdict that came too late is noted. */
  | 'note-late-verdict'
  | 'cancel'
  | 'retry'
  | 'discard'
  | 'discard-by-force';

/** Where it may be done: where one of the conditions is true. As data, so that a store in SQL can render it. */
export const MAY: Readonly<Record<Act, readonly Condition[]>> = {
  answer: [{ state: UNDECIDED, verdict: 'none' }],
  'note-late-verdict': [{ verdict: 'another' }, { state: ['discarded'], verdict: 'none' }],
  // There is nobody who could take an announcement back.
  cancel: [
    { state: ON_THE_WAY, consumer: 'one' },
    { state: ['parked'], consumer: 'one', verdict: 'none' },
  ],
  retry: [{ state: ['parked'] }],
  // Nothing that could still have an effect is given up.
  discard: [
    { state: ['parked'], verdict: 'some' },
    { state: ['parked'], consumer: 'everybody' },
    { state: ['parked'], code: HARMLESS },
  ],
  'discard-by-force': [{ state: ['parked'] }],
};

/** As much of a row as {@link may} looks at. */
interface Candidate {
  readonly state: DeliveryState;
  readonly consumer: string;
  readonly verdict: Verdict | undefined;
  readonly code: string | undefined;
}

/** May it be done to this row? `came` is the verdict that it is about, if it is about one. */
export function may(act: Act, row: Candidate, came?: Verdict): boolean {
  return MAY[act].some(
    ({ state, verdict, consumer, code }) =>
      (state === undefined || isOneOf(state, row.state)) &&
      (verdict === undefined || isVerdict(verdict, row.verdict, came)) &&
      (consumer === undefined || (consumer === 'everybody') === (row.consumer === EVERYBODY)) &&
      (code === undefined || code.some((each) => each === row.code)),
  );
}

function isVerdict(
  asked: NonNullable<Condition['verdict']>,
  stored: Verdict | undefined,
  came: Verdict | undefined,
): boolean {
  switch (asked) {
    case 'none':
      return stored === undefined;
    case 'some':
      return stored !== undefined;
    case 'another':
      return stored !== undefined && stored !== came;
    default:
      return asked satisfies never;
  }
}

/** Where a parked row goes on, by the first that applies; by none, it is sent again. */
export const REOPENINGS: readonly { readonly when: 'answered' | 'past-deadline'; readonly becomes: DeliveryState }[] = [
  { when: 'answered', becomes: 'answered' },
  { when: 'past-deadline', becomes: 'cancelling' },
];

/** The state in which a parked row goes on when somebody retries it. */
export function reopened(
  row: Pick<DueRow, 'consumer' | 'deadlineAt'> & { readonly verdict: Verdict | undefined },
  now: number,
): DeliveryState {
  const holds = { answered: row.verdict !== undefined, 'past-deadline': isPastDeadline(row, now) };
  return REOPENINGS.find(({ when }) => holds[when])?.becomes ?? 'pending';
}
