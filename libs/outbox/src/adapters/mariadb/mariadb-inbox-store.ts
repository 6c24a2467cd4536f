import type { EntityManager } from 'typeorm';
import { TransactionEndedError } from '../../errors';
import { outOfTime } from '../../message/age';
import { PAST_DEADLINE, type Reason } from '../../message/receipt';
import {
  type BegunMessage,
  type InboxBegin,
  type InboxKey,
  type InboxLimits,
  type InboxLook,
  type InboxMessage,
  type InboxReject,
  type InboxResult,
  type InboxRow,
  type InboxStore,
  type RegisteredHandler,
  TwinInProgressError,
} from '../../ports/store';
import type { Database } from './database';
import { DUPLICATE_KEY, errnoOf, LOCK_WAIT_TIMEOUT } from './failure';
import { isoOf } from './instants';
import type { Row } from '../rows';
import type { Ask } from './question';
import { inboxRowOf } from './rows';
import * as sql from './sql/inbox';
import type { MariaDbTables } from './tables';

/** What a look found: the row, or how the message stands to the clock. */
interface Seen {
  readonly look: InboxLook;
  /** Its deadline has passed. */
  readonly late: boolean;
  readonly now: string;
  /** How long this session waits for a lock. */
  readonly lockWaitS: number;
}

/**
 * The consumer's table in MariaDB. The unique key decides who is first, by a plain insert and the number of its error: what an upsert
 * says of the rows it touched is the same for a first one and a copy, and `insert ignore` ignores other mistakes, too.
 */
export class MariaDbInboxStore implements InboxStore<EntityManager> {
  constructor(
    private readonly database: Database,
    private readonly tables: () => Promise<MariaDbTables>,
  ) {}

  async begin(tx: EntityManager, message: InboxMessage, limits: InboxLimits): Promise<InboxBegin> {
    const t = await this.tables();
    const ask = await this.database.inside(tx);
    const seen = await lookAt(t, ask, message, limits);
    if (seen.look.kind !== 'new') return seen.look;
    const reason = seen.late ? PAST_DEADLINE : undefined;
    const row = await insertOrKnown(t, ask, message, limits, seen, reason);
    if (row) return { kind: 'known', row };
    const receivedAt = isoOf(seen.now);
    if (reason === undefined) return { kind: 'first', receivedAt };
    const { payloadHash } = message;
    return { kind: 'past-deadline', row: { verdict: 'rejected', reason, result: undefined, payloadHash, receivedAt } };
  }

  async beginMany(tx: EntityManager, messages: readonly InboxMessage[], limits: InboxLimits): Promise<BegunMessage[]> {
    if (messages.length === 0) return [];
    const t = await this.tables();
    const ask = await this.database.inside(tx);
    // In the order of the keys, or two groups with the same messages would wait for each other.
    const inOrder = [...messages].sort((one, other) => (keyText(one) < keyText(other) ? -1 : 1));
    const all = (await ask(sql.look(t, inOrder))).rows.map((row) => seenOf(row, limits));
    const fresh = inOrder.filter((_, index) => all[index]!.look.kind === 'new' && !all[index]!.late);
    const begun: InboxMessage[] = [];
    // One by one: should one of them be a copy by now, the others are new all the same.
    for (const message of fresh)
      if ((await insertOrKnown(t, ask, message, limits, all[0]!)) === undefined) begun.push(message);
    return begun.map(({ messageId }) => ({ messageId, receivedAt: isoOf(all[0]!.now) }));
  }

  async keepResults(tx: EntityManager, results: readonly InboxResult[]): Promise<void> {
    if (results.length === 0) return;
    const t = await this.tables();
    const ask = await this.database.insideAlive(tx);
    for (const each of results) {
      const { count } = await ask(sql.keepResult(t, each));
      if (count !== 1) throw new TransactionEndedError('The inbox row of this message is not there any more.');
    }
  }

  async reject(message: InboxMessage, reason: Reason, limits: InboxLimits): Promise<InboxReject> {
    const t = await this.tables();
    return this.database.together(async (ask): Promise<InboxReject> => {
      const seen = await lookAt(t, ask, message, limits);
      if (seen.look.kind !== 'new') return seen.look;
      const known = await insertOrKnown(t, ask, message, limits, seen, reason);
      if (known) return { kind: 'known', row: known };
      const [row] = (await ask(sql.lookNow(t, message))).rows;
      return { kind: 'stored', row: inboxRowOf(row!) };
    });
  }

  async look(message: InboxMessage, limits: Pick<InboxLimits, 'horizonMs'>): Promise<InboxLook> {
    const { rows } = await this.database.run(sql.look(await this.tables(), [message]));
    return seenOf(rows[0]!, limits).look;
  }

  async registerHandlers(consumer: string, handlers: readonly RegisteredHandler[]): Promise<RegisteredHandler[]> {
    const t = await this.tables();
    if (handlers.length > 0) await this.database.run(sql.registerHandlers(t, consumer, handlers));
    const { rows } = await this.database.run(sql.readHandlers(t, consumer));
    return rows
      .map((row) => ({ type: row.type!, where: row.handler! }))
      .filter(({ type }) => !handlers.some((each) => each.type === type));
  }

  async prune(consumer: string, olderThanMs: number, limit: number): Promise<number> {
    const t = await this.tables();
    return this.database.together(async (ask) => {
      const { rows } = await ask(sql.lockOld(t, consumer, olderThanMs, limit));
      const keys = rows.map((row) => ({ consumer, messageId: row.message_id!, source: row.source! }));
      if (keys.length > 0) await ask(sql.deleteOld(t, keys));
      return keys.length;
    });
  }
}

async function lookAt(t: MariaDbTables, ask: Ask, message: InboxMessage, limits: InboxLimits): Promise<Seen> {
  return seenOf((await ask(sql.look(t, [message]))).rows[0]!, limits);
}

/** @returns undefined if this one is first; else the row of the one that was */
async function insertOrKnown(
  t: MariaDbTables,
  ask: Ask,
  message: InboxMessage,
  limits: InboxLimits,
  { now, lockWaitS }: Seen,
  reason?: Reason,
): Promise<InboxRow | undefined> {
  try {
    await withPatience(ask, limits, lockWaitS, () => ask(sql.insert(t, [message], now, reason)));
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === LOCK_WAIT_TIMEOUT) {
      const text = `another copy of message ${message.messageId} is being handled`;
      throw new TwinInProgressError(text, { cause: error });
    }
    if (errno !== DUPLICATE_KEY) throw error;
  }
  const [row] = (await ask(sql.lookNow(t, message))).rows;
  // It was pruned between the two statements: the next copy will tell.
  if (!row) throw new Error(`the inbox row of message ${message.messageId} vanished while it was looked up`);
  return inboxRowOf(row);
}

/** Waits for a lock no longer than it may. The handler's own statements wait as long as the application wants. */
async function withPatience<T>(ask: Ask, limits: InboxLimits, usual: number, work: () => Promise<T>): Promise<T> {
  const wanted = Math.max(1, Math.round(limits.lockTimeoutMs / 1000));
  if (usual <= wanted) return work();
  await ask(sql.lockWait(wanted));
  try {
    return await work();
  } finally {
    await ask(sql.lockWait(usual));
  }
}

function seenOf(row: Row, { horizonMs }: Pick<InboxLimits, 'horizonMs'>): Seen {
  const look: InboxLook =
    row.verdict == null
      ? { kind: outOfTime(Number(row.age_ms), horizonMs) ?? 'new' }
      : { kind: 'known', row: inboxRowOf(row) };
  return { look, late: row.late === '1', now: row.now!, lockWaitS: Number(row.lock_wait_s) };
}

function keyText({ messageId, source }: InboxKey): string {
  return `${messageId} ${source}`;
}
