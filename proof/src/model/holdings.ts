import type { State } from './state';

/** What a reader sees of a state: what user-service, the broker and order-service hold. */
export function holdings(state: State): readonly [user: string, broker: string, order: string] {
  return [userHolds(state), brokerHolds(state), orderHolds(state)];
}

function userHolds({ delivery, verdict, completions, compensations, businessCommitted }: State): string {
  const row = {
    none: '–',
    recording: businessCommitted ? 'debited, no row yet' : 'not committed yet',
    rolledBack: 'rolled back',
    lost: 'debited, no row',
  }[delivery as string];
  const decided = delivery === 'answered' || delivery === 'parked' || delivery === 'discarded';
  return list([
    row ?? `*${delivery}*`,
    decided && verdict !== 'none' && `verdict *${verdict}*`,
    counted(completions, '`@OnAccepted`'),
    counted(compensations, 'refund'),
  ]);
}

function brokerHolds(state: State): string {
  return list([
    state.request && 'message',
    state.cancel && 'CANCEL',
    state.receiptAccepted && 'receipt *accepted*',
    state.receiptRejected && 'receipt *rejected*',
    state.receiptDeferred && 'receipt *deferred*',
    state.receiptUnprocessable && 'receipt *unprocessable*',
    state.receiptExpired && 'receipt *expired*',
  ]);
}

function orderHolds({ inbox, effects, handlerRemoved }: State): string {
  return list([inbox !== 'none' && `inbox *${inbox}*`, counted(effects, 'order'), handlerRemoved && 'no handler']);
}

function list(parts: readonly (string | false)[]): string {
  return parts.filter((part) => part !== false).join(', ') || '–';
}

/** "Twice" is as bad as it gets. */
function counted(count: 0 | 1 | 2, what: string): string | false {
  return count > 0 && (count === 1 ? what : `**${what} twice**`);
}
