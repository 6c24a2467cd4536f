import {
  type DeliveryRow,
  type MemoryClient,
  type MemoryStore,
  type MemoryTransaction,
  OutboxTables,
} from '@tallystick/outbox/testing';

type InboxResult = Parameters<MemoryStore['inbox']['keepResults']>[1][number];

/** A store with one rule taken out. */
export type Sabotage = (store: MemoryStore, client: MemoryClient) => MemoryStore;

const YEARS_MS = 10 * 365 * 86_400_000;

/**
 * Builds that must fail: each takes one rule of docs/protocol.md out of the store. A simulation that does not notice would
 * prove nothing about the build that has them all.
 */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'R1: marks are written without a fence': (store, client) =>
    altered(store, {
      mark: async (rows) => {
        for (const row of rows) {
          if (row.mark.kind === 'sent') await rewrite(client, row, REOPENED('sent', row.mark.waitMs));
        }
        return store.mark(rows);
      },
    }),

  'R2: a second copy is the first again': (store) =>
    alteredInbox(store, {
      begin: async (tx, message, limits) => {
        const begun = await store.inbox.begin(tx, message, limits);
        const again = begun.kind === 'known' && begun.row.verdict === 'accepted';
        return again ? { kind: 'first', receivedAt: begun.row.receivedAt } : begun;
      },
    }),

  'R2: the rows of a group are told by their position, although some were left out': (store) =>
    alteredInbox(store, {
      beginMany: async (tx, messages, limits) => {
        const begun = await store.inbox.beginMany(tx, messages, limits);
        return begun.map((row, index) => ({ ...row, messageId: messages[index]!.messageId }));
      },
    }),

  'R3: the verdict is committed before the effect': (store, client) =>
    alteredInbox(store, {
      begin: (_, message, limits) => client.transaction((own) => store.inbox.begin(own, message, limits)),
    }),

  'R4: a rejection is answered, not stored': (store) =>
    alteredInbox(store, {
      reject: async (message, reason, limits) => {
        const found = await store.inbox.look(message, limits);
        if (found.kind !== 'new') return found;
        const { payloadHash, source, recordedAt } = message;
        const row = {
          verdict: 'rejected',
          reason,
          result: undefined,
          payloadHash,
          source,
          receivedAt: recordedAt,
        } as const;
        return { kind: 'stored', row };
      },
    }),

  'R5: duplicates are met with silence': (store) =>
    alteredInbox(store, {
      begin: async (tx, message, limits) => {
        const begun = await store.inbox.begin(tx, message, limits);
        if (begun.kind === 'known') throw new Error('seen before');
        return begun;
      },
    }),

  'R6: a verdict is stored without its guard': (store, client) =>
    altered(store, {
      close: async (tx, key, answer) => {
        await rewriteIn(tx, client, key, REOPENED('pending', 0));
        return store.close(tx, key, answer);
      },
    }),

  'R7: the row is closed before its follow-up runs': (store, client) =>
    altered(store, {
      close: (_, key, answer) => client.transaction((own) => store.close(own, key, answer)),
    }),

  'R8: the producer gives up alone': (store) =>
    altered(store, {
      claim: async (request) => {
        const { deliveries, ...claimed } = await store.claim(request);
        const answer = {
          verdict: 'rejected',
          reason: { code: 'GAVE_UP' },
          result: undefined,
          payloadHash: undefined,
        } as const;
        for (const delivery of deliveries) {
          if (delivery.state === 'cancelling')
            await store.keepAnswer(delivery, answer, { waitMs: 0, code: 'FOLLOW_UP_FAILED', error: 'gave up' });
        }
        return { deliveries: deliveries.filter(({ state }) => state !== 'cancelling'), ...claimed };
      },
    }),

  'R9: the inbox forgets before the last copy has come': (store) =>
    alteredInbox(store, { prune: (consumer) => store.inbox.prune(consumer, 30_000, 100) }),

  'R9: nobody asks for the age of a message': (store) =>
    alteredInbox(store, {
      begin: (tx, message, limits) => store.inbox.begin(tx, message, { ...limits, horizonMs: YEARS_MS }),
      reject: (message, reason, limits) => store.inbox.reject(message, reason, { ...limits, horizonMs: YEARS_MS }),
    }),

  'R10: messages are recorded in a transaction of their own': (store, client) =>
    altered(store, {
      add: (_, messages) => client.transaction((own) => store.add(own, messages)),
    }),

  'R11: sent is done': (store) =>
    altered(store, {
      mark: (rows) =>
        store.mark(
          rows.map((row) => {
            const { mark } = row;
            return mark.kind === 'sent' ? { ...row, mark: { ...mark, waitMs: YEARS_MS } } : row;
          }),
        ),
    }),

  'R13: nobody but who has a follow-up knows of it': (store) =>
    altered(store, {
      add: (tx, messages) =>
        store.add(
          tx,
          messages.map((message) => ({
            ...message,
            deliveries: message.deliveries.map(({ consumer }) => ({ consumer, followUp: 'none' })),
          })),
        ),
      registerFollowUps: async () => {},
    }),

  'what is to be in order is claimed without a look at what is before it': (store, client) =>
    altered(store, {
      claim: async (request) => {
        await rewriteAll(client, ({ orderNo }) =>
          orderNo === undefined ? undefined : { orderKey: undefined, orderNo: undefined },
        );
        return store.claim(request);
      },
    }),

  'the next of a key is looked for among those that wait only': (store, client) => {
    const hideOthers = () =>
      rewriteAll(client, ({ orderNo, code }) =>
        orderNo === undefined || code === 'WAITS_ITS_TURN' ? undefined : { orderKey: undefined, orderNo: undefined },
      );
    return altered(store, { nextTurn: async (keys, lease) => hideOthers().then(() => store.nextTurn(keys, lease)) });
  },

  'numbers are drawn without waiting for who records the same key': (store, client) =>
    altered(store, {
      add: async (tx, messages) => {
        const added = await store.add(
          tx,
          messages.map((message) => ({ ...message, ordered: false })),
        );
        for (const { id, ordered, source, key, deliveries } of messages) {
          if (!ordered) continue;
          const numbered = { orderKey: `${source} ${key}`, orderNo: client.database.nextSerial() };
          for (const { consumer } of deliveries)
            await rewriteIn(tx, client, { messageId: id, consumer }, () => numbered);
        }
        return added;
      },
    }),

  'the results of a group are kept by position, although some were left out': (store) => {
    const whole: InboxResult['key'][] = [];
    return alteredInbox(store, {
      beginMany: (tx, messages, limits) => {
        whole.splice(0, whole.length, ...messages);
        return store.inbox.beginMany(tx, messages, limits);
      },
      keepResults: (tx, results) =>
        store.inbox.keepResults(
          tx,
          results.map(({ result }, index) => ({ key: whole[index] ?? results[index]!.key, result })),
        ),
    });
  },

  'a lease never ends': (store) =>
    altered(store, { claim: (request) => store.claim({ ...request, leaseMs: YEARS_MS }) }),

  'a follow-up runs although somebody else has closed the row': (store) =>
    altered(store, {
      closeAnswered: async (tx, key, leaseToken) => {
        return (await store.closeAnswered(tx, key, leaseToken)) ?? 'both';
      },
    }),
};

export function altered<Of extends object>(original: Of, methods: Partial<Of>): Of {
  return Object.assign(Object.create(original) as Of, methods);
}

/** The same in the consumer's half. */
export function alteredInbox(store: MemoryStore, methods: Partial<MemoryStore['inbox']>): MemoryStore {
  return altered(store, { inbox: altered(store.inbox, methods) });
}

/** Past the CHECK constraints, which alone would have refused this. */
function REOPENED(state: 'pending' | 'sent', waitMs: number): (row: DeliveryRow, now: number) => Partial<DeliveryRow> {
  return (_, now) => ({ state, nextAt: now + waitMs, verdict: undefined, reason: undefined, settledAt: undefined });
}

type Change = (row: DeliveryRow, now: number) => Partial<DeliveryRow>;
interface Key {
  readonly messageId: string;
  readonly consumer: string;
}

function rewrite(client: MemoryClient, key: Key, change: Change): Promise<void> {
  return client.transaction((tx) => rewriteIn(tx, client, key, change));
}

/** Every row that nobody holds. */
function rewriteAll(
  client: MemoryClient,
  change: (row: DeliveryRow) => Partial<DeliveryRow> | undefined,
): Promise<void> {
  const tables = new OutboxTables(client.database);
  return client.transaction((tx) =>
    tx.statement(() => {
      for (const [key, row] of [...tables.delivery.entries(tx)]) {
        const changed = change(row);
        if (changed && tables.delivery.tryLock(tx, key)) tables.delivery.update(tx, key, changed);
      }
    }),
  );
}

function rewriteIn(tx: MemoryTransaction, client: MemoryClient, key: Key, change: Change): Promise<void> {
  const tables = new OutboxTables(client.database);
  return tx.statement(async () => {
    const row = await tables.lockOne(tx, key);
    if (row) tables.update(tx, row, change(row, tables.now()));
  });
}
