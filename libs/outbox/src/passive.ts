import { postgres } from './adapters/postgres';
import { SystemClock } from './adapters/system/system-clock';
import { SystemRandom } from './adapters/system/system-random';
import { InvalidOptionsError } from './errors';
import { OutboxOperations } from './operations/operations';
import { Pruner } from './operations/pruner';
import type { StoreFactory } from './outbox-options';

export interface PassiveOptions {
  /** Of the database of the service: `postgres://…`. */
  readonly url: string;
  /** Whose messages: several services may share the tables. Undefined: the only one that is there. */
  readonly service?: string;
  /** Where the tables are, as in the options of `OutboxModule`. */
  readonly tables?: { schema?: string; prefix?: string };
  /** The database, as in the options of `OutboxModule`. @default postgres() */
  readonly store?: StoreFactory;
}

/** A service's operations without the service. */
export interface PassiveOutbox {
  readonly service: string;
  readonly operations: OutboxOperations;
  /**
   * Deletes messages whose deliveries have all been final for `outboxMs`, and inbox rows older than `inboxMs`, in small batches, until there
   * are none. Never younger than the horizon, and a day more for the inbox, or copies are executed twice: that is for you to keep.
   */
  prune(olderThan: { outboxMs: number; inboxMs: number }): Promise<{ messages: number; inboxRows: number }>;
  close(): Promise<void>;
}

const POOL_SIZE = 2;

/**
 * For tools: looks at a service's messages and steers them, by the same guarded transitions as the service itself, and does
 * nothing else. It has no transport, so it neither sends nor consumes: what is opened again is due at once, and sent by the
 * next relay that looks.
 * @throws SchemaMismatchError if the tables are not there · InvalidOptionsError if the service is not given and not to be guessed
 */
export async function openOutbox(options: PassiveOptions): Promise<PassiveOutbox> {
  const { url, service, tables = {}, store: factory = postgres() } = options;
  const store = factory.create({ source: factory.sourceOf(url), tables, poolSize: POOL_SIZE });
  try {
    await store.checkSchema();
    const whose = service ?? theOnly(await store.services());
    const nobody = { reserve: () => undefined, wake: () => {} };
    const operations = new OutboxOperations(
      whose,
      store,
      nobody,
      (id, asked) => store.cancel(undefined, id, asked),
      new SystemClock(),
      new SystemRandom(),
    );
    const prune: PassiveOutbox['prune'] = (olderThan) =>
      new Pruner({ service: whose, everyMs: 0, ...olderThan }, store, new SystemClock(), { record: () => {} }).prune();
    return { service: whose, operations, prune, close: () => store.end() };
  } catch (error) {
    await store.end();
    throw error;
  }
}

function theOnly(services: readonly string[]): string {
  const [only, another] = services;
  if (only !== undefined && another === undefined) return only;
  throw new InvalidOptionsError([
    only === undefined
      ? 'service: nobody has recorded anything here yet, so say which service is meant'
      : `service: several share these tables (${services.join(', ')}), so say which one is meant`,
  ]);
}
