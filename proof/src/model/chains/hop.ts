import { Step } from '../explorer';
import { Change, HopName, State } from './state';

export type Verdict = 'accepted' | 'rejected';

/** What a consumer does with what arrived, in one transaction, and what it then answers, if anything. */
export interface Reaction {
  readonly says: string;
  readonly does: Change;
  readonly answer: Verdict | 'deferred' | undefined;
}

/** One message from one service to another, and what both do about it. */
export interface Hop {
  readonly name: HopName;
  /** What the traces call it, if not by its name. */
  readonly called?: string;
  readonly from: string;
  readonly to: string;
  /** May be given up: its deadline may pass, or somebody cancels it. */
  readonly givenUp: boolean;
  /** The handler, when nothing is in the inbox yet. */
  handle(s: State): readonly Reaction[];
  /** What follows, in the transaction that closes the row. */
  follow(s: State, verdict: Verdict): Change;
  /** What is in the inbox is no verdict yet. */
  undecided?(s: State, asked: 'message' | 'cancel'): Reaction;
  /** The sender hears *deferred*. */
  deferred?: Change;
  /** Nobody can do by hand what would have followed a row that a person discards. */
  readonly discardIsMute?: boolean;
  /** Its sender takes a deadline for a no. */
  readonly assumes?: boolean;
}

/**
 * One hop as the protocol above makes it (R1–R16), in few states: sent until it is answered, answered from the inbox, closed
 * together with what follows. What is sent may be lost, come late or twice; a consumer may die between its commit and its answer.
 */
export function hopSteps(s: State, step: Step<State>, hop: Hop): void {
  const { name, from, to } = hop;
  const what = nameOf(hop);
  const [row, copy, cancel] = [`${name}Row`, `${name}Copy`, `${name}Cancel`] as const;
  const silent = name === 'order' && s.silent;
  if (s[row] === 'pending') {
    if (!s[copy] && !silent) step('exchange', `${from} sends ${what} to ${to}.`, { [copy]: true });
    if (hop.givenUp && hop.assumes)
      step('time', `The deadline of ${what} passes: ${from} takes that for a no.`, closed(s, hop, 'rejected'));
    else if (hop.givenUp)
      step('time', `The deadline of ${what} passes, or it is cancelled: ${from} will ask.`, { [row]: 'cancelling' });
  }
  if (s[row] === 'cancelling' && !s[cancel])
    step('exchange', `${from} asks ${to} to give ${what} up.`, { [cancel]: true });
  if (s[row] === 'parked') parkedSteps(s, step, hop);
  const tooOld = name === 'order' && s.pruned;
  for (const sent of [copy, cancel])
    if (s[sent] && tooOld)
      step('exchange', `${titleOf(hop, sent)} arrives at ${to}: too old, and not in the inbox.`, { [sent]: false });
  if (s[copy] && !tooOld) copySteps(s, step, hop);
  if (s[cancel] && !tooOld) cancelSteps(s, step, hop);
  receiptSteps(s, step, hop);
}

function parkedSteps(s: State, step: Step<State>, hop: Hop): void {
  const row = `${hop.name}Row` as const;
  const what = nameOf(hop);
  const discarded: Change = { [row]: 'discarded' };
  step('person', `A person retries ${what}.`, { [row]: 'pending' });
  step('person', `A person cancels ${what}.`, { [row]: 'cancelling' });
  if (hop.discardIsMute) return step('person', `A person discards ${what}.`, discarded);
  step('person', `A person discards ${what} as done, and sees to the rest.`, hop.follow(s, 'accepted'), discarded);
  step('person', `A person discards ${what} as not done, and sees to the rest.`, hop.follow(s, 'rejected'), discarded);
}

function copySteps(s: State, step: Step<State>, hop: Hop): void {
  const { name, to } = hop;
  const [row, copy, inbox] = [`${name}Row`, `${name}Copy`, `${name}Inbox`] as const;
  step('fault', `The broker loses ${nameOf(hop)}.`, { [copy]: false });
  if (s[inbox] !== 'none') return arrives(s, step, hop, copy, [known(s, hop, 'message')]);
  if (name === 'stock' && !s.stockHandler)
    return step('exchange', `${nameOf(hop)} arrives at ${to}, which has no handler for it any more.`, {
      [copy]: false,
      ...(s[row] === 'pending' && { [row]: 'parked' }),
    });
  arrives(s, step, hop, copy, hop.handle(s));
}

function cancelSteps(s: State, step: Step<State>, hop: Hop): void {
  const [cancel, inbox] = [`${hop.name}Cancel`, `${hop.name}Inbox`] as const;
  step('fault', `The broker loses the CANCEL of ${nameOf(hop)}.`, { [cancel]: false });
  const givesUp: Reaction = { says: 'given up', does: { [inbox]: 'rejected' }, answer: 'rejected' };
  arrives(s, step, hop, cancel, [s[inbox] === 'none' ? givesUp : known(s, hop, 'cancel')]);
}

/** The inbox is asked first (R14). */
function known(s: State, hop: Hop, asked: 'message' | 'cancel'): Reaction {
  const verdict = s[`${hop.name}Inbox`];
  if (verdict === 'undecided') return hop.undecided!(s, asked);
  if (verdict === 'none') throw new Error('Nothing is known.');
  return { says: `the inbox answers *${verdict}*`, does: {}, answer: verdict };
}

function arrives(s: State, step: Step<State>, hop: Hop, what: What, reactions: readonly Reaction[]): void {
  const { name, to } = hop;
  const title = titleOf(hop, what);
  for (const { says, does, answer } of reactions) {
    const answered: Change = answer === undefined ? {} : { [`${name}Receipt`]: answer };
    step('exchange', `${title} arrives at ${to}: ${says}.`, does, { [what]: false }, answered);
    step('fault', `${title} arrives at ${to}: ${says}; a crash before the answer, so it comes again.`, does);
  }
}

type What = `${HopName}Copy` | `${HopName}Cancel`;

const nameOf = ({ name, called = name }: Hop): string => `*${called}*`;
const titleOf = (hop: Hop, what: What): string =>
  what.endsWith('Copy') ? nameOf(hop) : `The CANCEL of ${nameOf(hop)}`;

function receiptSteps(s: State, step: Step<State>, hop: Hop): void {
  const [row, receipt] = [`${hop.name}Row`, `${hop.name}Receipt`] as const;
  const verdict = s[receipt];
  if (verdict === 'none') return;
  const gone: Change = { [receipt]: 'none' };
  step('fault', `The broker loses the receipt *${verdict}* of ${nameOf(hop)}.`, gone);
  const open = s[row] === 'pending' || s[row] === 'cancelling' || s[row] === 'parked';
  if (!open) return step('exchange', `A late receipt *${verdict}* of ${nameOf(hop)} changes nothing.`, gone);
  if (verdict === 'deferred')
    return step('exchange', `${hop.from} hears *deferred* of ${nameOf(hop)}.`, gone, hop.deferred ?? {});
  step('exchange', `${hop.from} hears *${verdict}* of ${nameOf(hop)}.`, gone, closed(s, hop, verdict));
}

function closed(s: State, hop: Hop, verdict: Verdict): Change {
  return { [`${hop.name}Row`]: verdict === 'accepted' ? 'completed' : 'compensated', ...hop.follow(s, verdict) };
}

/** Takes the piece, or there is none. The same in every design. */
export function stockHop(from: string, follow: Hop['follow']): Hop {
  return {
    ...{ name: 'stock', from, to: 'stock-service', givenUp: true, follow },
    handle: () => [
      { says: 'the piece is taken', does: { stockInbox: 'accepted' }, answer: 'accepted' },
      { says: 'sold out', does: { stockInbox: 'rejected' }, answer: 'rejected' },
    ],
  };
}

export function deploySteps(s: State, step: Step<State>): void {
  const says = s.stockHandler
    ? 'A deploy removes the handler of stock-service.'
    : 'The handler of stock-service is back.';
  step('time', says, { stockHandler: !s.stockHandler });
}

/** `0 | 1 | 2`: twice is wrong already, and often is no worse. */
export const more = (count: 0 | 1 | 2): 0 | 1 | 2 => (count === 0 ? 1 : 2);
