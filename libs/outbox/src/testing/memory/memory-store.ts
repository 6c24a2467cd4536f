import type { FollowUp } from '../../message/contract';
import type { DeliveryKey, ParkCode, ReceivedAnswer, Trouble } from '../../message/delivery';
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
import type { MemoryClient } from './memory-database';
import { MemoryInboxStore } from './memory-inbox-store';
import { MemoryJobStore } from './memory-job-store';
import { OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';
import * as auditing from './statements-audit';
import * as deciding from './statements-decide';
import * as operating from './statements-operate';
import * as pausing from './statements-pause';
import * as searching from './statements-search';
import * as recording from './statements-record';
import * as sending from './statements-send';
import * as turns from './statements-turn';

/**
 * Both stores in a {@link MemoryDatabase}, with the locks, waits and checks of the PostgreSQL tables. Each method is one
 * statement: in the caller's transaction, or in one of its own that commits before the method resolves.
 */
export class MemoryStore implements OutboxStore<MemoryTransaction> {
  private readonly t: OutboxTables;
  readonly jobs: MemoryJobStore;
  readonly inbox: MemoryInboxStore;

  constructor(private readonly client: MemoryClient) {
    this.t = new OutboxTables(client.database);
    this.jobs = new MemoryJobStore(client, this.t);
    this.inbox = new MemoryInboxStore(client, this.t);
  }

  add(tx: MemoryTransaction, messages: readonly NewMessage[]): Promise<AddedMessage[]> {
    return tx.statement(() => recording.add(this.t, tx, messages));
  }

  async registerFollowUps(source: string, followUps: readonly RegisteredFollowUp[]): Promise<void> {
    if (followUps.length === 0) return;
    await this.client.alone((tx) => recording.registerFollowUps(this.t, tx, source, followUps));
  }

  stillRecorded(tx: MemoryTransaction, leaseToken: string, messageIds: readonly string[]): Promise<string[]> {
    return tx.statement(() => recording.stillRecorded(this.t, tx, leaseToken, messageIds));
  }

  /** Nobody looks at its connections. */
  async fingerprint(): Promise<undefined> {}

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.client.alone((tx) => sending.claim(this.t, tx, request));
  }

  nextTurn(keys: readonly DeliveryKey[], lease?: TurnLease): Promise<NextTurns> {
    return this.client.alone((tx) => turns.nextTurn(this.t, tx, keys, lease));
  }

  mark(marks: readonly MarkRow[]): Promise<Marked> {
    return this.client.alone((tx) => sending.mark(this.t, tx, marks));
  }

  closeMany(answers: readonly AnsweredDelivery[], lease?: TurnLease): Promise<ClosedRow[]> {
    return this.client.alone((tx) => deciding.closeMany(this.t, tx, answers, lease));
  }

  close(tx: MemoryTransaction, key: DeliveryKey, answer: ReceivedAnswer): Promise<ClosedDelivery | undefined> {
    return tx.statement(() => deciding.close(this.t, tx, key, answer));
  }

  keepAnswer(key: DeliveryKey, answer: ReceivedAnswer, later: { waitMs: number } & Trouble): Promise<boolean> {
    return this.client.alone((tx) => deciding.keepAnswer(this.t, tx, key, answer, later));
  }

  closeAnswered(tx: MemoryTransaction, key: DeliveryKey, leaseToken: string): Promise<FollowUp | undefined> {
    return tx.statement(() => deciding.closeAnswered(this.t, tx, key, leaseToken));
  }

  defer(
    key: DeliveryKey,
    attempt: number,
    later: { waitMs: number; payloadHash?: string } & Trouble,
  ): Promise<boolean> {
    return this.client.alone((tx) => deciding.defer(this.t, tx, key, attempt, later));
  }

  park(
    key: DeliveryKey,
    attempt: number | 'any',
    reason: { code: ParkCode; error: string; payloadHash?: string },
  ): Promise<boolean> {
    return this.client.alone((tx) => deciding.park(this.t, tx, key, attempt, reason));
  }

  noteLateVerdict(key: DeliveryKey, answer: ReceivedAnswer): Promise<void> {
    return this.client.alone((tx) => deciding.noteLateVerdict(this.t, tx, key, answer));
  }

  find(messageId: string, tx?: MemoryTransaction): Promise<DeliveryRecord[]> {
    if (tx) return tx.statement(async () => operating.find(this.t, tx, messageId));
    return this.client.alone((own) => operating.find(this.t, own, messageId));
  }

  history(messageId: string): Promise<DeliveryHistoryEntry[]> {
    return this.client.alone((tx) => operating.history(this.t, tx, messageId));
  }

  contentHash(messageId: string): Promise<string | undefined> {
    return this.client.alone((tx) => deciding.contentHashOf(this.t, tx, messageId));
  }

  search(
    source: string,
    criteria: Criteria,
    { limit, after }: { limit: number; after?: DeliveryKey },
  ): Promise<DeliveryRecord[]> {
    return this.client.alone((tx) => searching.search(this.t, tx, source, criteria, after).slice(0, limit));
  }

  countUpTo(source: string, criteria: Criteria, cap: number): Promise<number> {
    return this.client.alone((tx) => Math.min(cap, searching.search(this.t, tx, source, criteria, undefined).length));
  }

  ageMs(recordedAt: string): Promise<number> {
    return this.client.alone(() => this.t.now() - Date.parse(recordedAt));
  }

  oldestDueMs(source: string): Promise<number> {
    return this.client.alone((tx) => operating.stats(this.t, tx, source).oldestDueMs);
  }

  stats(source: string): Promise<OutboxStats> {
    return this.client.alone((tx) => operating.stats(this.t, tx, source));
  }

  sample(source: string, look: { overdueMs: number; cap: number }): Promise<OutboxSample> {
    return this.client.alone((tx) => operating.sample(this.t, tx, source, look));
  }

  cancel(
    tx: MemoryTransaction | undefined,
    messageId: string,
    options: { to?: string; reason: string; by?: string },
  ): Promise<DeliveryKey[]> {
    if (!tx) return this.client.alone((own) => operating.cancel(this.t, own, messageId, options));
    return tx.statement(() => operating.cancel(this.t, tx, messageId, options));
  }

  retry(
    messageId: string,
    options: { to?: string; deadlineMs?: number; by?: string; reason?: string },
  ): Promise<DeliveryKey[]> {
    return this.client.alone((tx) => operating.retry(this.t, tx, messageId, options));
  }

  discard(
    messageId: string,
    options: { to?: string; reason: string; force: boolean; by?: string },
  ): Promise<DeliveryKey[]> {
    return this.client.alone((tx) => operating.discard(this.t, tx, messageId, options));
  }

  pause(source: string, target: PauseTarget, asked: { by: string; reason: string }): Promise<Pause> {
    return this.client.alone((tx) => pausing.pause(this.t, tx, source, target, asked));
  }

  async resume(
    source: string,
    target: PauseTarget,
    asked: { by: string; reason: string | undefined },
  ): Promise<{ pause: Pause | undefined; released: number }> {
    const pause = await this.client.alone((tx) => pausing.resume(this.t, tx, source, target, asked));
    return { pause, released: await this.client.alone((tx) => pausing.releaseHeld(this.t, tx, source, target)) };
  }

  pauses(source: string): Promise<Pause[]> {
    return this.client.alone((tx) => pausing.pauses(this.t, tx, source));
  }

  audit(source: string, page: { limit: number; after?: string }): Promise<AuditRecord[]> {
    return this.client.alone((tx) => auditing.audit(this.t, tx, source, page));
  }

  prune(source: string, olderThanMs: number, limit: number): Promise<number> {
    return this.client.alone((tx) => operating.prune(this.t, tx, source, olderThanMs, limit));
  }
}
