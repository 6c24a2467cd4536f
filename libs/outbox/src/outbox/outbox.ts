import {
  DeliveryParkedError,
  OperationRefusedError,
  TransactionEndedError,
  TransactionRequiredError,
  UnknownDeliveryError,
  VerdictTimeoutError,
} from '../errors';
import type { Turns } from '../concurrency/turns';
import { type ContractClass, contractOf, type MessageContract } from '../message/contract';
import { type ClaimedDelivery, EVERYBODY, isFinal } from '../message/delivery';
import { describeMs, type Duration, durationOf } from '../message/duration';
import { uuidProblem } from '../message/fields';
import { TRACEPARENT } from '../message/trace';
import { refuseUnknownOptions } from '../message/options';
import type { Clock, Random } from '../ports/clock';
import type { HandOff, HandOffSlot } from '../ports/hand-off';
import type { Monitor } from '../ports/monitor';
import type { Creation } from '../ports/tracing';
import type { AddedMessage, DeliveryRecord, Later, NewMessage, OutboxStore } from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import type { EntityManager } from '../transactions';
import { contentOf, type Draft, draftOf, type DraftSettings } from './draft';
import type { VerdictWatch } from './verdict-watch';

export interface AddOptions<Tx = EntityManager> {
  /** The transaction to record in. Default: the ambient one. */
  manager?: Tx;
  /** A UUID of your own. An id that exists is refused: recognise repeated requests in your business table. */
  id?: string;
  /** Not before this time has passed. Shorter than half the horizon. */
  delay?: Duration;
  /** Travel with the message; at most 4 KiB together. `traceparent` is passed on as trace context. */
  headers?: Record<string, string>;
}

const ADD_OPTIONS = ['manager', 'id', 'delay', 'headers'] satisfies (keyof AddOptions)[];

/** What `Outbox.status` knows of a message. */
export interface MessageStatus {
  readonly id: string;
  readonly type: string;
  /** ISO 8601. */
  readonly recordedAt: string;
  /** One per consumer; an announcement has one, for `*`. */
  readonly deliveries: readonly DeliveryRecord[];
}

export interface OutboxSettings extends DraftSettings {
  /** If somebody traces: begins the span of a message that is being recorded. */
  trace?(message: Pick<NewMessage, 'id' | 'type' | 'headers' | 'deliveries'>): Creation;
}

export interface OutboxParts<Tx> {
  readonly store: OutboxStore<Tx>;
  readonly transactions: TransactionRunner<Tx>;
  readonly handOff: HandOff;
  readonly turns: Pick<Turns, 'recorded'>;
  readonly verdicts: VerdictWatch;
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
  /** R13: resolves when the follow-ups of this process are known to its service. Rejects while they cannot be known. */
  prepare(): Promise<void>;
}

/**
 * Records messages in the caller's transaction, and tells what became of them.
 *
 * `add` sends nothing: the message exists if, and only if, the transaction commits (R10). After the acknowledged commit
 * the relay of this process gets it from memory; in every other case the sweep finds it.
 */
export class Outbox<Tx = EntityManager> {
  constructor(
    private readonly parts: OutboxParts<Tx>,
    private readonly settings: OutboxSettings,
  ) {}

  /**
   * Records one message.
   * @throws TransactionRequiredError outside of a transaction
   * @throws InvalidMessageError if the data breaks the contract: nothing was recorded, let the transaction roll back
   * @throws MessageAlreadyRecordedError if `id` exists
   */
  async add<M extends object>(
    contract: ContractClass<M>,
    data: M,
    options: AddOptions<Tx> = {},
  ): Promise<{ id: string }> {
    const [added] = await this.addAll(contract, [data], options);
    return added!;
  }

  /** Records several messages of one type, in one statement. Throws as `add` does; then none is recorded. */
  async addAll<M extends object>(
    contract: ContractClass<M>,
    data: readonly M[],
    options: AddOptions<Tx> = {},
  ): Promise<{ id: string }[]> {
    const declared = contractOf(contract);
    refuseUnknownOptions('add', options, ADD_OPTIONS);
    const transaction = this.transactionFor(options, declared);
    if (options.id !== undefined && data.length !== 1) throw new TypeError('An id can be given to one message only.');
    if (data.length === 0) return [];
    const what = `outbox.add('${declared.type}')`;
    return this.within(transaction, what, () => this.record(transaction, declared as MessageContract, data, options));
  }

  /**
   * What `add` would record, without recording it: for those who have to know before they begin that it can be.
   * @returns the type that travels, and the payload as JSON text
   * @throws InvalidMessageError as `add` does
   */
  async preview<M extends object>(
    contract: ContractClass<M>,
    data: M,
  ): Promise<{ readonly type: string; readonly payload: string }> {
    const declared = contractOf(contract);
    const { payload } = await contentOf(this.settings, declared as MessageContract, data);
    return { type: declared.type, payload };
  }

  private async record(
    transaction: Tx,
    declared: MessageContract,
    data: readonly object[],
    options: AddOptions<Tx>,
  ): Promise<{ id: string }[]> {
    await this.parts.prepare();
    const drafts: Draft[] = [];
    for (const each of data) drafts.push(await draftOf(this.settings, this.parts.random, declared, each, options));

    const deliveries = drafts.reduce((sum, draft) => sum + draft.deliveries.length, 0);
    const atOnce = drafts[0]!.delayMs === 0 && this.parts.transactions.isOwn(transaction);
    // What is to be in order goes past nobody: whose turn it is can be seen after the commit (K3).
    const waitsItsTurn = atOnce && declared.ordered;
    const slot = atOnce && !declared.ordered ? this.parts.handOff.reserve(deliveries) : undefined;
    const creations = options.headers?.[TRACEPARENT] === undefined ? this.created(drafts) : [];
    try {
      const lease = slot && { token: slot.leaseToken, leaseMs: slot.leaseMs };
      const messages = drafts.map((draft, at) =>
        Object.assign(draft, { lease, waitsItsTurn, headers: Object.assign(draft.headers, creations[at]?.trace) }),
      );
      const added = await this.insert(transaction, messages, options.id === undefined);
      if (slot) this.handOffAfterCommit(transaction, slot, messages, added);
      else if (waitsItsTurn)
        this.parts.transactions.afterCommit(() => this.parts.turns.recorded(messages), transaction);
      else if (drafts[0]!.delayMs === 0)
        this.parts.transactions.afterCommit(() => this.parts.handOff.wake(), transaction);
      this.parts.monitor.record({
        event: 'message.added',
        type: declared.type,
        messages: messages.length,
        deliveries,
        handedOff: slot !== undefined,
      });
      for (const creation of creations) creation.end();
      return messages.map(({ id }) => ({ id }));
    } catch (error) {
      slot?.release();
      for (const creation of creations) creation.end(error);
      throw error;
    }
  }

  /** The spans in which the messages come into being; nothing if nobody traces. */
  private created(drafts: readonly Draft[]): readonly Creation[] {
    const { trace } = this.settings;
    return trace ? drafts.map((draft) => trace(draft)) : [];
  }

  /** An id of the caller's may exist: he is told by `add`, and not at the end of his transaction. */
  private async insert(
    transaction: Tx,
    messages: readonly NewMessage[],
    ownIds: boolean,
  ): Promise<Later<AddedMessage[]>> {
    const later = ownIds ? await this.parts.store.addLater?.(transaction, messages) : undefined;
    if (!later) return { answer: Promise.resolve(await this.parts.store.add(transaction, messages)) };
    this.parts.transactions.noteLater?.(later.answer, transaction);
    return later;
  }

  /**
   * Asks the consumer to give the message up. It decides: *rejected (CANCELLED)* if it has not begun, else the verdict it
   * has. Joins the ambient transaction. Final and answered deliveries are left alone; look at the returned status.
   * With `by`, the name of a person, it is also written into the audit ({@link OutboxOperations.audit}).
   * @throws UnknownDeliveryError · OperationRefusedError for announcements
   */
  async cancel(id: string, asked: { reason?: string; to?: string; by?: string } = {}): Promise<MessageStatus> {
    const options = { ...asked, reason: asked.reason ?? 'no reason given' };
    const transaction = this.parts.transactions.current();
    if (!transaction) return this.cancelIn(undefined, id, options);
    return this.within(transaction, `outbox.cancel('${id}')`, () => this.cancelIn(transaction, id, options));
  }

  private async cancelIn(
    transaction: Tx | undefined,
    id: string,
    options: { reason: string; to?: string; by?: string },
  ): Promise<MessageStatus> {
    const before = await this.deliveriesOf(id, options.to, transaction);
    if (before.some(({ consumer }) => consumer === EVERYBODY)) {
      throw new OperationRefusedError(`Message ${id} is an announcement: nobody could answer a cancel.`);
    }
    const changed = await this.parts.store.cancel(transaction, id, options);
    for (const key of changed) this.parts.monitor.record({ event: 'delivery.cancelling', ...key });
    if (transaction) this.parts.transactions.afterCommit(() => this.parts.handOff.wake(), transaction);
    else this.parts.handOff.wake();
    return statusOf(id, await this.deliveriesOf(id, options.to, transaction));
  }

  /** Work on the caller's transaction, which must not be committed before it is done. */
  private async within<T>(transaction: Tx, what: string, work: () => Promise<T>): Promise<T> {
    const done = this.parts.transactions.underWay(what, transaction);
    try {
      return await work();
    } catch (error) {
      if (this.parts.transactions.isOpen(transaction)) throw error;
      throw new TransactionEndedError(
        `The transaction of ${what} was over before it had finished, so nothing was recorded: is an \`await\` missing, ` +
          'or did another branch of a Promise.all fail first?',
        { cause: error },
      );
    } finally {
      done();
    }
  }

  /** Where a message stands; undefined if it is unknown or was pruned. */
  async status(id: string): Promise<MessageStatus | undefined> {
    const deliveries = uuidProblem(id) === undefined ? await this.parts.store.find(id) : [];
    return deliveries.length > 0 ? statusOf(id, deliveries) : undefined;
  }

  /**
   * Waits until every delivery (or the one `to`) has its verdict or is final. For requests that want to answer "done" at once; the protocol never needs it.
   * @throws DeliveryParkedError as soon as one of them is parked without a verdict
   * @throws VerdictTimeoutError after `timeout` (default 10 s): the delivery itself goes on
   * @throws UnknownDeliveryError if there is no such delivery
   */
  async waitForVerdict(id: string, options: { to?: string; timeout?: Duration } = {}): Promise<MessageStatus> {
    const timeoutMs = durationOf('timeout', options.timeout ?? '10s', '10s');
    const ends = this.parts.clock.monotonic() + timeoutMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(1000, pauseMs * 2)) {
      const news = this.parts.verdicts.watch(id);
      try {
        const deliveries = await this.deliveriesOf(id, options.to);
        if (deliveries.every(({ state, verdict }) => verdict !== undefined || isFinal(state)))
          return statusOf(id, deliveries);
        refuseToWaitForAPerson(id, deliveries);
        const leftMs = ends - this.parts.clock.monotonic();
        if (leftMs <= 0) {
          const waiting = deliveries.map(({ consumer, state }) => `${consumer}: ${state}`).join(', ');
          throw new VerdictTimeoutError(
            `No verdict on message ${id} within ${describeMs(timeoutMs)}, the \`timeout\` of waitForVerdict (${waiting}). It goes on; ask status() later.`,
          );
        }
        await news.within(Math.min(leftMs, pauseMs));
      } finally {
        news.forget();
      }
    }
  }

  private async deliveriesOf(id: string, to: string | undefined, transaction?: Tx): Promise<DeliveryRecord[]> {
    const all = uuidProblem(id) === undefined ? await this.parts.store.find(id, transaction) : [];
    const found = to === undefined ? all : all.filter(({ consumer }) => consumer === to);
    if (found.length === 0) {
      throw new UnknownDeliveryError(
        `No delivery of message ${id}${to === undefined ? '' : ` to '${to}'`} is known: it was never committed here, or it was pruned.`,
      );
    }
    return found;
  }

  private transactionFor(options: AddOptions<Tx>, contract: { type: string }): Tx {
    const transaction = options.manager ?? this.parts.transactions.current();
    if (transaction === undefined || !this.parts.transactions.isOpen(transaction)) {
      const stranger = transaction && this.parts.transactions.strangerText?.(transaction);
      throw new TransactionRequiredError(
        `${stranger ? `${stranger} ` : ''}outbox.add('${contract.type}') needs an open transaction, so that the message commits with your business change. ` +
          'Call it inside a @Transactional() method or transactions.run(), or pass { manager } of your own transaction.',
      );
    }
    return transaction;
  }

  /**
   * R15: publish from memory only what surely committed. A rolled-back savepoint drops `afterCommit`. If anything ran on
   * the transaction after our insert, it may have removed the rows without our seeing how, so we look once more.
   */
  private handOffAfterCommit(
    transaction: Tx,
    slot: HandOffSlot,
    messages: readonly NewMessage[],
    added: Later<AddedMessage[]>,
  ): void {
    let surviving = messages;
    const statements = this.parts.transactions.statementCount(transaction);
    this.parts.transactions.beforeCommit(async () => {
      if (this.parts.transactions.statementCount(transaction) === statements) return;
      const ids = messages.map(({ id }) => id);
      const still = new Set(await this.parts.store.stillRecorded(transaction, slot.leaseToken, ids));
      surviving = messages.filter(({ id }) => still.has(id));
    }, transaction);
    this.parts.transactions.afterCommit(async () => {
      const rows = new Map((await added.answer).map((row) => [row.id, row]));
      slot.hand(surviving.flatMap((message) => claimedFrom(message, rows.get(message.id)!, slot.leaseToken)));
    }, transaction);
    const release = (): void => slot.release();
    this.parts.transactions.afterEnd(() => void added.answer.then(release, release), transaction);
  }
}

function claimedFrom(message: NewMessage, added: AddedMessage, leaseToken: string): ClaimedDelivery[] {
  const { id, type, source, key, payload, headers } = message;
  return message.deliveries.map(({ consumer }) => ({
    messageId: id,
    consumer,
    state: 'pending',
    attempt: 1,
    leaseToken,
    deadlineAt: added.deadlineAt,
    answer: undefined,
    cancelReason: undefined,
    ordered: false,
    message: { id, type, source, key, payload, headers, recordedAt: added.recordedAt },
  }));
}

function refuseToWaitForAPerson(id: string, deliveries: readonly DeliveryRecord[]): void {
  const parked = deliveries.find(({ state, verdict }) => state === 'parked' && verdict === undefined);
  if (!parked) return;
  const { code } = parked;
  throw new DeliveryParkedError(
    `Message ${id} to '${parked.consumer}' is parked${code ? ` (${code})` : ''}: it waits for a person, and no verdict comes ` +
      'by itself. See status(), then operations.retry, cancel or operations.discard.',
  );
}

function statusOf(id: string, deliveries: readonly DeliveryRecord[]): MessageStatus {
  const { type, recordedAt } = deliveries[0]!;
  return { id, type, recordedAt, deliveries };
}
