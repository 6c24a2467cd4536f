import { altered, alteredInbox, type Sabotage } from '../simulate/sabotage';

/** The rules that the simulation's own sabotages do not take out, in the same manner: a store that lacks one of them. */
export const MORE_SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'R12: a technical failure is taken for a rejection': (store) =>
    altered(store, {
      defer: (key, _attempt, later) =>
        store.keepAnswer(
          key,
          { verdict: 'rejected', reason: { code: 'FAILED' }, result: undefined, payloadHash: undefined },
          later,
        ),
    }),

  'R14: a cancel is answered before the inbox is asked': (store) =>
    alteredInbox(store, {
      reject: async (message, reason, limits) => {
        const rejected = await store.inbox.reject(message, reason, limits);
        if (!['CANCELLED', 'DEADLINE'].includes(reason.code) || rejected.kind !== 'known') return rejected;
        const { payloadHash, source, recordedAt } = message;
        const row = { verdict: 'rejected', reason, result: undefined, payloadHash, source } as const;
        return { kind: 'stored', row: { ...row, receivedAt: recordedAt } };
      },
    }),

  /** The hand-off waits for the end of the transaction, whichever that is, and nobody looks whether the row survived. */
  'R15: what was rolled back is handed off all the same': (store) =>
    altered(store, {
      add: (transaction, messages) => {
        transaction.afterCommit = (callback) => transaction.afterEnd(callback);
        return store.add(transaction, messages);
      },
    }),
};
