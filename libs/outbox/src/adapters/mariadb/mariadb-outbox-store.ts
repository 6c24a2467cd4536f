import type { EntityManager } from 'typeorm';
import { MessageAlreadyRecordedError } from '../../errors';
import type { FollowUp } from '../../message/contract';
import type { DeliveryKey, ParkCode, ReceivedAnswer, Trouble } from '../../message/delivery';
import { uuidIn } from '../../message/fields';
import type { Pause, PauseTarget } from '../../message/pause';
import { deferred, keptAnswer, lateVerdict, parked } from '../../message/transitions';
import {
  type AddedMessage,
  type AnsweredDelivery,
  type AuditRecord,
  type ClaimRequest,
  type ClaimResult,
  type ClosedDelivery,
  type ClosedRow,
  type Criteria,
  type DeliveryHistoryEntry,
  type DeliveryRecord,
  type NewMessage,
  type NextTurns,
  type OutboxSample,
  type OutboxStats,
  type OutboxStore,
  type RegisteredFollowUp,
  SearchTookTooLongError,
  type Marked,
  type MarkRow,
  type TurnLease,
} from '../../ports/store';
import { sampleOf } from '../rows';
import { changeOne, close, closeAnswered, closeMany } from './answering';
import { fingerprint } from './boot-checks';
import type { Database } from './database';
import { DUPLICATE_KEY, errnoOf, isStatementTimeout, messageOf } from './failure';
import { MariaDbJobStore } from './mariadb-job-store';
import * as operating from './operating';
import type { Answer, Ask, Question } from './question';
import { record } from './recording';
import { auditOf, factsOf, historyOf, pauseOf, recordOf } from './rows';
import * as sending from './sending';
import { readMessages, registerFollowUps, stillRecorded } from './sql/message';
import * as sql from './sql/operate';
import { readPauses } from './sql/pause';
import { count, search } from './sql/search';
import type { MariaDbTables } from './tables';

/** As long as a person looks around, and no longer: the database has other things to do. */
const SEARCH_MS = 2_000;
/** Rows of one transaction that are released. */
const RELEASED = 1_000;

/** The producer's tables in MariaDB. The rules are in message/; here rows are locked, shown to them and written back. */
export class MariaDbOutboxStore implements OutboxStore<EntityManager> {
  readonly jobs: MariaDbJobStore;

  constructor(
    protected readonly database: Database,
    protected readonly tables: () => Promise<MariaDbTables>,
  ) {
    this.jobs = new MariaDbJobStore(database, tables);
  }

  async add(tx: EntityManager, messages: readonly NewMessage[]): Promise<AddedMessage[]> {
    if (messages.length === 0) return [];
    const t = await this.tables();
    try {
      return await record(t, this.database, tx, messages);
    } catch (error) {
      throw alreadyRecorded(error, messages) ?? error;
    }
  }

  async registerFollowUps(source: string, followUps: readonly RegisteredFollowUp[]): Promise<void> {
    if (followUps.length === 0) return;
    const rows = followUps.map(({ type, verdict, where }) => [source, type, verdict, where]);
    rows.sort((one, other) => (one.join(' ') < other.join(' ') ? -1 : 1));
    await this.database.run(registerFollowUps(await this.tables(), rows));
  }

  async stillRecorded(tx: EntityManager, leaseToken: string, messageIds: readonly string[]): Promise<string[]> {
    if (messageIds.length === 0) return [];
    const t = await this.tables();
    const { rows } = await (await this.database.inside(tx))(stillRecorded(t, leaseToken, messageIds));
    return rows.map((row) => row.message_id!);
  }

  async fingerprint(): Promise<string | undefined> {
    return fingerprint(this.database, await this.tables());
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.together((t, ask) => sending.claim(t, ask, request));
  }

  nextTurn(keys: readonly DeliveryKey[], lease?: TurnLease): Promise<NextTurns> {
    return this.together((t, ask) => sending.nextTurn(t, ask, keys.map(lowerCase), lease));
  }

  async mark(marks: readonly MarkRow[]): Promise<Marked> {
    if (marks.length === 0) return { written: [], held: [] };
    return this.together((t, ask) => sending.mark(t, ask, marks.map(lowerCase)));
  }

  async closeMany(answers: readonly AnsweredDelivery[], lease?: TurnLease): Promise<ClosedRow[]> {
    if (answers.length === 0) return [];
    return this.together((t, ask) => closeMany(t, ask, answers.map(lowerCase), lease));
  }

  async close(tx: EntityManager, key: DeliveryKey, answer: ReceivedAnswer): Promise<ClosedDelivery | undefined> {
    return close(await this.tables(), await this.database.inside(tx), lowerCase(key), answer);
  }

  keepAnswer(key: DeliveryKey, answer: ReceivedAnswer, later: { waitMs: number } & Trouble): Promise<boolean> {
    return this.together((t, ask) =>
      changeOne(t, ask, lowerCase(key), answer, (row) => keptAnswer(row, answer, later, row.now)),
    );
  }

  async closeAnswered(tx: EntityManager, key: DeliveryKey, leaseToken: string): Promise<FollowUp | undefined> {
    return closeAnswered(await this.tables(), await this.database.inside(tx), lowerCase(key), leaseToken);
  }

  defer(
    key: DeliveryKey,
    attempt: number,
    later: { waitMs: number; payloadHash?: string } & Trouble,
  ): Promise<boolean> {
    return this.together((t, ask) =>
      changeOne(t, ask, lowerCase(key), later, (row) => deferred(row, attempt, later, row.now)),
    );
  }

  park(
    key: DeliveryKey,
    attempt: number | 'any',
    reason: { code: ParkCode; error: string; payloadHash?: string },
  ): Promise<boolean> {
    return this.together((t, ask) =>
      changeOne(t, ask, lowerCase(key), reason, (row) => parked(row, attempt, reason, row.now)),
    );
  }

  async noteLateVerdict(key: DeliveryKey, answer: ReceivedAnswer): Promise<void> {
    await this.together((t, ask) =>
      changeOne(t, ask, lowerCase(key), answer, (row) => lateVerdict(row, answer, row.now)),
    );
  }

  async find(messageId: string, tx?: EntityManager): Promise<DeliveryRecord[]> {
    const asked = sql.find(await this.tables(), messageId.toLowerCase());
    const answer = tx ? await (await this.database.inside(tx))(asked) : await this.database.run(asked);
    return answer.rows.map(recordOf);
  }

  async history(messageId: string): Promise<DeliveryHistoryEntry[]> {
    const asked = sql.history(await this.tables(), messageId.toLowerCase());
    return (await this.database.run(asked)).rows.flatMap(historyOf);
  }

  async contentHash(messageId: string): Promise<string | undefined> {
    const { rows } = await this.database.run(readMessages(await this.tables(), [messageId.toLowerCase()], 'facts'));
    return rows[0] && factsOf(rows[0]).contentHash;
  }

  async search(
    source: string,
    criteria: Criteria,
    { limit, after }: { limit: number; after?: DeliveryKey },
  ): Promise<DeliveryRecord[]> {
    const page = { limit, after: after && lowerCase(after), limitMs: SEARCH_MS };
    return (await this.ask(search(await this.tables(), source, criteria, page))).rows.map(recordOf);
  }

  async countUpTo(source: string, criteria: Criteria, cap: number): Promise<number> {
    const { rows } = await this.ask(count(await this.tables(), source, criteria, { cap, limitMs: SEARCH_MS }));
    return Number(rows[0]!.count);
  }

  async ageMs(recordedAt: string): Promise<number> {
    return Number((await this.database.run(sql.ageOf(recordedAt))).rows[0]!.age_ms);
  }

  async oldestDueMs(source: string): Promise<number> {
    const { rows } = await this.database.run(sql.oldestDue(await this.tables(), source));
    return Math.max(0, Number(rows[0]?.oldest_due_ms ?? 0));
  }

  async stats(source: string): Promise<OutboxStats> {
    const { rows } = await this.database.run(sql.stats(await this.tables(), source));
    const counted = Object.fromEntries(rows.map((row) => [row.state!, Number(row.count)]));
    return {
      open: { pending: 0, sent: 0, cancelling: 0, answered: 0, parked: 0, ...counted },
      oldestDueMs: Math.max(0, ...rows.map((row) => Number(row.oldest_due_ms ?? 0))),
    };
  }

  async sample(source: string, look: { overdueMs: number; cap: number }): Promise<OutboxSample> {
    return sampleOf((await this.database.run(sql.sample(await this.tables(), source, look))).rows[0]!);
  }

  async cancel(
    tx: EntityManager | undefined,
    messageId: string,
    options: { to?: string; reason: string; by?: string },
  ): Promise<DeliveryKey[]> {
    const order = { messageId, ...options };
    if (!tx) return this.together((t, ask) => operating.cancel(t, ask, order));
    return operating.cancel(await this.tables(), await this.database.insideAlive(tx), order);
  }

  retry(
    messageId: string,
    options: { to?: string; deadlineMs?: number; by?: string; reason?: string },
  ): Promise<DeliveryKey[]> {
    return this.together((t, ask) => operating.retry(t, ask, { messageId, ...options }));
  }

  discard(
    messageId: string,
    options: { to?: string; reason: string; force: boolean; by?: string },
  ): Promise<DeliveryKey[]> {
    return this.together((t, ask) => operating.discard(t, ask, { messageId, ...options }));
  }

  pause(source: string, target: PauseTarget, asked: { by: string; reason: string }): Promise<Pause> {
    return this.together((t, ask) => operating.pause(t, ask, source, target, asked));
  }

  async resume(
    source: string,
    target: PauseTarget,
    asked: { by: string; reason: string | undefined },
  ): Promise<{ pause: Pause | undefined; released: number }> {
    const pause = await this.together((t, ask) => operating.resume(t, ask, source, target, asked));
    let total = 0;
    for (let more = true; more;) {
      const part = await this.together((t, ask) => operating.releasePaused(t, ask, source, target, RELEASED));
      total += part.released;
      more = part.more;
    }
    return { pause, released: total };
  }

  async pauses(source: string): Promise<Pause[]> {
    return (await this.database.run(readPauses(await this.tables(), source))).rows.map(pauseOf);
  }

  async audit(source: string, page: { limit: number; after?: string }): Promise<AuditRecord[]> {
    return (await this.database.run(sql.readAudit(await this.tables(), source, page))).rows.map(auditOf);
  }

  prune(source: string, olderThanMs: number, limit: number): Promise<number> {
    return this.together((t, ask) => operating.prune(t, ask, source, olderThanMs, limit));
  }

  private async together<T>(work: (t: MariaDbTables, ask: Ask) => Promise<T>): Promise<T> {
    const t = await this.tables();
    return this.database.together((ask) => work(t, ask));
  }

  private async ask(asked: Question): Promise<Answer> {
    try {
      return await this.database.run(asked);
    } catch (error) {
      if (!isStatementTimeout(error)) throw error;
      throw new SearchTookTooLongError(`no answer within ${SEARCH_MS} ms`, { cause: error });
    }
  }
}

/** Ids are texts here, and of one case. */
function lowerCase<Key extends DeliveryKey>(key: Key): Key {
  return { ...key, messageId: key.messageId.toLowerCase() };
}

function alreadyRecorded(error: unknown, messages: readonly NewMessage[]): MessageAlreadyRecordedError | undefined {
  if (errnoOf(error) !== DUPLICATE_KEY) return undefined;
  const ids = uuidIn(messageOf(error)) ?? messages.map(({ id }) => id).join(', ');
  return new MessageAlreadyRecordedError(
    `A message with id ${ids} is recorded already; nothing was added. If this request may come twice, recognise it by a ` +
      'unique key of the business table before calling add; the outbox forgets finished messages.',
    { cause: error },
  );
}
