import { Step } from '../explorer';
import { State, Turn } from '../state';

const COPIES = {
  request: 'the message',
  cancel: 'the CANCEL',
  receiptAccepted: 'the receipt *accepted*',
  receiptRejected: 'the receipt *rejected*',
  receiptDeferred: 'the receipt *deferred*',
  receiptUnprocessable: 'the receipt *unprocessable*',
  receiptExpired: 'the receipt *EXPIRED*',
} as const satisfies Partial<Record<keyof State, string>>;

/**
 * The broker may lose whatever it holds. Duplicates, delays and disorder need no steps: see the note on the fields.
 */
export function brokerSteps({ state, world, step }: Turn): void {
  let copy: keyof typeof COPIES;
  for (copy in COPIES) if (state[copy]) step('fault', `The broker loses ${COPIES[copy]}.`, { [copy]: false });
  if (world.contradictions && state.verdictsStored > 0) contradictionSteps(state, step);
}

/** The consumer was restored from a backup and decides again, or somebody forges receipts: any verdict may arrive. */
function contradictionSteps(state: State, step: Step<State>): void {
  if (state.receiptAccepted || state.receiptRejected) return;
  step('fault', 'The consumer says *accepted*, whatever it said before.', { receiptAccepted: true });
  step('fault', 'The consumer says *rejected*, whatever it said before.', { receiptRejected: true });
}
