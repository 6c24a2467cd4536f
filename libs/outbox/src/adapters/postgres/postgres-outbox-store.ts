import type { EntityManager, QueryFailedError } from 'typeorm';
import { MessageAlreadyRecordedError } from '../../errors';
import type { FollowUp } from '../../message/contract';
import type { DeliveryKey, ParkCode, ReceivedAnswer, Trouble } from '../../message/delivery';
import { keyText } from '../../message/envelope';
import { uuidIn } from '../../message/fields';
import type { Pause, PauseTarget } from '../../message/pause';
import type {
  AddedMessage,
  AnsweredDelivery,
  AuditRecord,
  ClaimRequest,
  ClaimResult,
  ClosedDelivery,
  ClosedRow,
  Criteria,
  DeliveryHistoryEntry,
  DeliveryRecord,
  Later,
  NewMessage,
  NextTurns,
  OutboxSample,
  OutboxStats,
  OutboxStore,
  RegisteredFollowUp,
  Marked,
  MarkRow,
  TurnLease,
} from '../../ports/store';
import { SearchTookTooLongError } from '../../ports/store';
import { auditOf, keyOf, pauseOf, recordOf, sampleOf } from '../rows';
import { fingerprint } from './boot-checks';
import { type Database, type Result, sqlState, type Statement } from './database';
import { PostgresJobStore } from './postgres-job-store';
import { claimResultOf, closedOf, closedRowOf, closedWithNext, historyOf, nextTurnsOf } from './rows';
import { type OutboxSql, outboxSql } from './sql/outbox';
import { countSql, searchSql } from './sql/search';
import type { Tables } from './tables';

const UNIQUE_VIOLATION = '23505';
const QUERY_CANCELED = '57014';
/** As long as a person looks around, and no longer: the database has other things to do. */
const SEARCH_MS = 2_000;
/** Rows of one statement that are released: some tenths of a second. */
const RELEASED = 5_000;

/** The producer's tables in PostgreSQL: asks its statements, and turns rows into results. The rules are in the SQL. */
export class PostgresOutboxStore implements OutboxStore<EntityManager> {
  private readonly sql: () => Promise<OutboxSql>;
  readonly jobs: PostgresJobStore;
  /** The statement inserts into both tables; which one notices first is PostgreSQL's choice. */
  private readonly keys: readonly (string | undefined)[];

  constructor(
    protected readonly database: Database,
    private readonly tables: () => Promise<Tables>,
    names: Tables,
  ) {
    let sql: OutboxSql | undefined;
    this.sql = async () => (sql ??= outboxSql(await tables()));
    this.jobs = new PostgresJobStore(database, this.sql);
    this.keys = [names.bare('outbox_message_pkey'), names.bare('outbox_delivery_pkey')];
  }

  async add(tx: EntityManager, messages: readonly NewMessage[]): Promise<AddedMessage[]> {
    if (messages.length === 0) return [];
    const answer = this.database.runIn(tx, await this.adding(messages), messages);
    return answer.then(addedOf, this.refusing(messages));
  }

  async addLater(tx: EntityManager, messages: readonly NewMessage[]): Promise<Later<AddedMessage[]>> {
    const refused = this.refusing(messages);
    const { answer } = await this.database.holdIn(tx, await this.adding(messages), messages).catch(refused);
    return { answer: answer.then(addedOf, refused) };
  }

  private async adding(messages: readonly NewMessage[]): Promise<Statement<readonly NewMessage[]>> {
    const { addOne, addMany, addOrdered } = await this.sql();
    const [message] = messages;
    if (message!.ordered) return addOrdered;
    return messages.length === 1 && message!.deliveries.length === 1 ? addOne : addMany;
  }

  async registerFollowUps(source: string, followUps: readonly RegisteredFollowUp[]): Promise<void> {
    if (followUps.length === 0) return;
    await this.database.run((await this.sql()).registerFollowUps, { source, followUps });
  }

  async stillRecorded(tx: EntityManager, leaseToken: string, messageIds: readonly string[]): Promise<string[]> {
    const { rows } = await this.database.runIn(tx, (await this.sql()).stillRecorded, { leaseToken, messageIds });
    return rows.map((row) => row.message_id!);
  }

  fingerprint(): Promise<string | undefined> {
    return fingerprint(this.database);
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const { limit, leaseToken } = request;
    const { rows } = await this.database.run((await this.sql()).claim, request);
    // PostgreSQL has surprised others here (a limit inside an update that was planned as a join). Better loud than flooded.
    const result = claimResultOf(rows, leaseToken);
    const took = result.deliveries.length + result.parked.length + result.held;
    if (took > limit) throw new Error(`outbox.claim took ${took} rows with a limit of ${limit}`);
    return result;
  }

  async nextTurn(keys: readonly DeliveryKey[], lease?: TurnLease): Promise<NextTurns> {
    return nextTurnsOf((await this.database.run((await this.sql()).nextTurn, { keys, lease })).rows);
  }

  async mark(marks: readonly MarkRow[]): Promise<Marked> {
    if (marks.length === 0) return { written: [], held: [] };
    const { rows } = await this.database.run((await this.sql()).mark, marks);
    const those = (kind: keyof Marked): DeliveryKey[] => rows.filter(({ what }) => what === kind).map(keyOf);
    return { written: those('written'), held: those('held') };
  }

  async closeMany(answers: readonly AnsweredDelivery[], lease?: TurnLease): Promise<ClosedRow[]> {
    const [answer, ...others] = answers;
    if (!answer) return [];
    if (others.length === 0) return this.closeOne(answer, lease);
    refuseTwins(answers);
    const { closeMany, closeAndTake } = await this.sql();
    if (!lease) return (await this.database.run(closeMany, answers)).rows.map(closedRowOf);
    return closedWithNext((await this.database.run(closeAndTake, { answers, lease })).rows);
  }

  private async closeOne(answer: AnsweredDelivery, lease?: TurnLease): Promise<ClosedRow[]> {
    const { closeOne, closeOneAndTake } = await this.sql();
    if (!lease) return (await this.database.run(closeOne, answer)).rows.map(closedRowOf);
    return closedWithNext((await this.database.run(closeOneAndTake, { answer, lease })).rows);
  }

  async close(tx: EntityManager, key: DeliveryKey, answer: ReceivedAnswer): Promise<ClosedDelivery | undefined> {
    const { rows } = await this.database.runIn(tx, (await this.sql()).close, { ...key, answer });
    return rows[0] && closedOf(rows[0]);
  }

  async keepAnswer(key: DeliveryKey, answer: ReceivedAnswer, later: { waitMs: number } & Trouble): Promise<boolean> {
    return wrote(await this.database.run((await this.sql()).keepAnswer, { ...key, answer, ...later }));
  }

  async closeAnswered(tx: EntityManager, key: DeliveryKey, leaseToken: string): Promise<FollowUp | undefined> {
    const { rows } = await this.database.runIn(tx, (await this.sql()).closeAnswered, { ...key, leaseToken });
    return rows[0]?.follow_up as FollowUp | undefined;
  }

  async defer(
    key: DeliveryKey,
    attempt: number,
    later: { waitMs: number; payloadHash?: string } & Trouble,
  ): Promise<boolean> {
    return wrote(await this.database.run((await this.sql()).defer, { ...key, attempt, ...later }));
  }

  async park(
    key: DeliveryKey,
    attempt: number | 'any',
    reason: { code: ParkCode; error: string; payloadHash?: string },
  ): Promise<boolean> {
    return wrote(await this.database.run((await this.sql()).park, { ...key, attempt, ...reason }));
  }

  async noteLateVerdict(key: DeliveryKey, answer: ReceivedAnswer): Promise<void> {
    await this.database.run((await this.sql()).noteLateVerdict, { ...key, answer });
  }

  async find(messageId: string, tx?: EntityManager): Promise<DeliveryRecord[]> {
    const asked = [(await this.sql()).find, messageId] as const;
    return (await (tx ? this.database.runIn(tx, ...asked) : this.database.run(...asked))).rows.map(recordOf);
  }

  async history(messageId: string): Promise<DeliveryHistoryEntry[]> {
    return (await this.database.run((await this.sql()).history, messageId)).rows.flatMap(historyOf);
  }

  async contentHash(messageId: string): Promise<string | undefined> {
    const { rows } = await this.database.run((await this.sql()).contentHash, messageId);
    return rows[0]!.content_hash ?? undefined;
  }

  async search(
    source: string,
    criteria: Criteria,
    page: { limit: number; after?: DeliveryKey },
  ): Promise<DeliveryRecord[]> {
    return (await this.ask(searchSql(await this.tables(), source, criteria, page))).rows.map(recordOf);
  }

  async countUpTo(source: string, criteria: Criteria, cap: number): Promise<number> {
    return Number((await this.ask(countSql(await this.tables(), source, criteria, cap))).rows[0]!.count);
  }

  async ageMs(recordedAt: string): Promise<number> {
    const { rows } = await this.database.run((await this.sql()).ageMs, recordedAt);
    return Number(rows[0]!.age_ms);
  }

  async oldestDueMs(source: string): Promise<number> {
    const { rows } = await this.database.run((await this.sql()).oldestDue, source);
    return Number(rows[0]!.oldest_due_ms);
  }

  async stats(source: string): Promise<OutboxStats> {
    const { rows } = await this.database.run((await this.sql()).stats, source);
    const counted = Object.fromEntries(rows.map((row) => [row.state!, Number(row.rows)]));
    return {
      open: { pending: 0, sent: 0, cancelling: 0, answered: 0, parked: 0, ...counted },
      oldestDueMs: Math.max(0, ...rows.map((row) => Number(row.oldest_due_ms))),
    };
  }

  async sample(source: string, look: { overdueMs: number; cap: number }): Promise<OutboxSample> {
    const { rows } = await this.database.run((await this.sql()).sample, { source, ...look });
    return sampleOf(rows[0]!);
  }

  async cancel(
    tx: EntityManager | undefined,
    messageId: string,
    options: { to?: string; reason: string; by?: string },
  ): Promise<DeliveryKey[]> {
    const asked = [(await this.sql()).cancel, { messageId, ...options }] as const;
    return (await (tx ? this.database.runIn(tx, ...asked) : this.database.run(...asked))).rows.map(keyOf);
  }

  async retry(
    messageId: string,
    options: { to?: string; deadlineMs?: number; by?: string; reason?: string },
  ): Promise<DeliveryKey[]> {
    return (await this.database.run((await this.sql()).retry, { messageId, ...options })).rows.map(keyOf);
  }

  async discard(
    messageId: string,
    options: { to?: string; reason: string; force: boolean; by?: string },
  ): Promise<DeliveryKey[]> {
    return (await this.database.run((await this.sql()).discard, { messageId, ...options })).rows.map(keyOf);
  }

  async pause(source: string, target: PauseTarget, said: { by: string; reason: string }): Promise<Pause> {
    const asked = { source, ...target, ...said };
    return pauseOf((await this.database.run((await this.sql()).pause, asked)).rows[0]!);
  }

  async resume(
    source: string,
    target: PauseTarget,
    said: { by: string; reason: string | undefined },
  ): Promise<{ pause: Pause | undefined; released: number }> {
    const { resume, releaseHeld } = await this.sql();
    const { rows } = await this.database.run(resume, { source, ...target, ...said });
    // A statement of its own: a claim under way obeyed the pause until its end was written, and this sees what it held.
    let released = 0;
    for (let count = RELEASED; count === RELEASED; released += count)
      count = (await this.database.run(releaseHeld, { source, ...target, limit: RELEASED })).count;
    return { pause: rows[0] && pauseOf(rows[0]), released };
  }

  async pauses(source: string): Promise<Pause[]> {
    return (await this.database.run((await this.sql()).pauses, source)).rows.map(pauseOf);
  }

  async audit(source: string, page: { limit: number; after?: string }): Promise<AuditRecord[]> {
    return (await this.database.run((await this.sql()).audit, { source, ...page })).rows.map(auditOf);
  }

  async prune(source: string, olderThanMs: number, limit: number): Promise<number> {
    return (await this.database.run((await this.sql()).prune, { source, olderThanMs, limit })).count;
  }

  private async ask(question: Statement): Promise<Result> {
    try {
      return await this.database.runWithin(SEARCH_MS, question);
    } catch (error) {
      if (sqlState(error) !== QUERY_CANCELED) throw error;
      throw new SearchTookTooLongError(`no answer within ${SEARCH_MS} ms`, { cause: error });
    }
  }

  private refusing(messages: readonly NewMessage[]): (error: unknown) => never {
    return (error) => {
      throw this.alreadyRecorded(error, messages) ?? error;
    };
  }

  private alreadyRecorded(error: unknown, messages: readonly NewMessage[]): MessageAlreadyRecordedError | undefined {
    if (sqlState(error) !== UNIQUE_VIOLATION) return undefined;
    const { constraint, detail } = (error as QueryFailedError).driverError as { constraint?: string; detail?: string };
    if (!this.keys.includes(constraint)) return undefined;
    // PostgreSQL names the id in a sentence of the server's language, and leaves it out where the role may not see it.
    const ids = uuidIn(detail ?? '') ?? messages.map(({ id }) => id).join(', ');
    return new MessageAlreadyRecordedError(
      `A message with id ${ids} is recorded already; nothing was added. If this request may come twice, recognise it by a ` +
        "unique key of the business table before calling add; the outbox forgets finished messages. Don't catch this " +
        'error inside the transaction: PostgreSQL has already given it up.',
      { cause: error },
    );
  }
}

function addedOf({ rows }: Result): AddedMessage[] {
  return rows.map((row) => ({
    id: row.id!,
    recordedAt: row.recorded_at!,
    deadlineAt: row.deadline_at ?? undefined,
  }));
}

function wrote({ count }: Result): boolean {
  return count > 0;
}

/** PostgreSQL would apply one of two answers for a row, and not say which. */
function refuseTwins(answers: readonly AnsweredDelivery[]): void {
  if (new Set(answers.map(keyText)).size < answers.length) {
    throw new Error('closeMany was given a delivery twice: fold equal answers, apply contradictory ones singly');
  }
}
