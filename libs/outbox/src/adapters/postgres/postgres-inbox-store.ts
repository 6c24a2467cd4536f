import type { EntityManager } from 'typeorm';
import type { Reason } from '../../message/receipt';
import {
  type BegunMessage,
  type InboxBegin,
  type InboxLimits,
  type InboxLook,
  type InboxMessage,
  type InboxReject,
  type InboxResult,
  type InboxRow,
  type InboxStore,
  type OutOfTime,
  type RegisteredHandler,
  TwinInProgressError,
} from '../../ports/store';
import { inboxRowOf } from '../rows';
import { type Database, type Result, sqlState } from './database';
import { type InboxSql, inboxSql } from './sql/inbox';
import type { Tables } from './tables';

const LOCK_NOT_AVAILABLE = '55P03';

/**
 * The consumer's table in PostgreSQL. The unique key decides who is first; the age is asked only of messages without a
 * row, by the insert itself (R14).
 */
export class PostgresInboxStore implements InboxStore<EntityManager> {
  private readonly sql: () => Promise<InboxSql>;

  constructor(
    private readonly database: Database,
    tables: () => Promise<Tables>,
  ) {
    let sql: InboxSql | undefined;
    this.sql = async () => (sql ??= inboxSql(await tables()));
  }

  async begin(tx: EntityManager, message: InboxMessage, limits: InboxLimits): Promise<InboxBegin> {
    const arrived = { message, limits };
    const { rows } = await unlessTwin(message.messageId, this.database.runIn(tx, (await this.sql()).begin, arrived));
    const inserted = rows[0];
    if (inserted?.verdict == null) {
      return refused(message, await this.database.runIn(tx, (await this.sql()).look, arrived));
    }
    const row = inboxRowOf(inserted);
    return row.verdict === 'accepted' ? { kind: 'first', receivedAt: row.receivedAt } : { kind: 'past-deadline', row };
  }

  async beginMany(tx: EntityManager, messages: readonly InboxMessage[], limits: InboxLimits): Promise<BegunMessage[]> {
    if (messages.length === 0) return [];
    const { rows } = await unlessTwin(
      `one of ${messages.length}`,
      this.database.runIn(tx, (await this.sql()).beginMany, { messages, limits }),
    );
    return rows
      .filter(({ message_id }) => message_id !== null)
      .map(({ message_id, received_at }) => ({ messageId: message_id!, receivedAt: received_at! }));
  }

  /** All of one consumer, as whoever began them is. */
  async keepResults(tx: EntityManager, results: readonly InboxResult[]): Promise<void> {
    const [first, ...others] = results;
    if (!first) return;
    const { keepResult, keepResults } = await this.sql();
    if (others.length === 0) await this.database.runIn(tx, keepResult, first);
    else await this.database.runIn(tx, keepResults, results);
  }

  async reject(message: InboxMessage, reason: Reason, limits: InboxLimits): Promise<InboxReject> {
    const arrived = { message, reason, limits };
    const { rows } = await unlessTwin(message.messageId, this.database.run((await this.sql()).reject, arrived));
    return rows[0]
      ? { kind: 'stored', row: inboxRowOf(rows[0]) }
      : refused(message, await this.database.run((await this.sql()).look, arrived));
  }

  async look(message: InboxMessage, limits: Pick<InboxLimits, 'horizonMs'>): Promise<InboxLook> {
    return standingOf(await this.database.run((await this.sql()).look, { message, limits }));
  }

  async registerHandlers(consumer: string, handlers: readonly RegisteredHandler[]): Promise<RegisteredHandler[]> {
    const { rows } = await this.database.run((await this.sql()).registerHandlers, { consumer, handlers });
    return rows.map((row) => ({ type: row.type!, where: row.handler! }));
  }

  async prune(consumer: string, olderThanMs: number, limit: number): Promise<number> {
    return (await this.database.run((await this.sql()).prune, { consumer, olderThanMs, limit })).count;
  }
}

async function unlessTwin(which: string, result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    throw new TwinInProgressError(`another copy of message ${which} is being handled`, { cause: error });
  }
}

function standingOf({ rows }: Result): InboxLook {
  const row = rows[0]!;
  if (row.verdict != null) return { kind: 'known', row: inboxRowOf(row) };
  return { kind: row.standing as 'new' | OutOfTime };
}

/** Why nothing was inserted. */
function refused(message: InboxMessage, result: Result): { kind: 'known'; row: InboxRow } | { kind: OutOfTime } {
  const standing = standingOf(result);
  if (standing.kind !== 'new') return standing;
  // Its row was pruned between the two statements, or it came within the allowed hour just now: the next copy will tell.
  throw new Error(`the inbox row of message ${message.messageId} vanished while it was looked up`);
}
