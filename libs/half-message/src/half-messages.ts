import type { ContractClass, Outbox, Transactions } from '@tallystick/outbox';
import { v7 as uuid } from 'uuid';
import type { Shelf, Stage } from './checks';
import type { StoredHalf } from './envelope';
import { HalfMessageInTransactionError, HalfMessageNotStoredError } from './errors';
import type { HalfMessage } from './half-message';

/** What a parked half message is taken by. */
export interface ParkedShelf extends Shelf {
  ready(): Promise<void>;
  unpark(handle: (half: StoredHalf) => Promise<void>): Promise<number>;
}

/**
 * MQ transactions (RocketMQ's *transactional messages*): a message whose fate is that of an effect which cannot share a
 * transaction with it.
 *
 * 1. The half message is stored at the broker, where nobody sees it.
 * 2. The work is done, and writes down with its effect that *this* half message is committed.
 * 3. It becomes visible: a message of the outbox, with deliveries, verdict, receipt and compensation like any other.
 *
 * Whatever dies in between is found by asking back (`@TransactionChecker`).
 */
export class HalfMessages {
  constructor(
    private readonly outbox: Pick<Outbox, 'preview'>,
    private readonly transactions: Pick<Transactions, 'current'>,
    private readonly shelf: ParkedShelf,
    private readonly stage: Stage,
    private readonly now: () => number,
    private readonly onLate: (half: HalfMessage, error: unknown) => void,
  ) {}

  /**
   * Does `work` with a half message in hand. It must write down with its effect that the half message is committed:
   * `barrier.commit(…, half)`.
   *
   * Guaranteed: if `work`'s effect is committed, the message becomes visible, at once or after the first check. If it is
   * not, the message never does, and no late effect either. Not guaranteed: that an error of `work` means that nothing was
   * committed (its COMMIT may have lost its answer); nor that the message is visible when this resolves, if the database of
   * the outbox was away.
   * @throws HalfMessageInTransactionError inside a transaction, InvalidMessageError if the data breaks the contract, HalfMessageNotStoredError if the broker did not take it:
   * the work was not begun
   * @throws what `work` throws
   */
  async run<M extends object, R>(
    contract: ContractClass<M>,
    data: M,
    work: (half: HalfMessage) => Promise<R>,
  ): Promise<{ readonly id: string; readonly result: R }> {
    if (this.transactions.current()) {
      throw new HalfMessageInTransactionError(
        `The half message of '${contract.name}' was begun inside a transaction, which may still roll back after it is visible. Call run() ` +
          'outside, and let the work open, and commit, its own. If all of it can share that transaction, outbox.add() is what you need.',
      );
    }
    const half: StoredHalf = {
      id: uuid(),
      ...(await this.outbox.preview(contract, data)),
      checks: 0,
      born: this.now(),
    };
    await this.store(half);
    const result = await work(half);
    try {
      await this.stage.show(half, contract);
    } catch (error) {
      // The effect is committed, so it must not look failed. The first check shows the message.
      this.onLate(half, error);
    }
    return { id: half.id, result };
  }

  /**
   * Resolves when half messages can be stored: the broker is there, and everything is declared. Until then `run` throws
   * HalfMessageNotStoredError. It waits for as long as that takes: for a start that should not take orders before.
   */
  ready(): Promise<void> {
    return this.shelf.ready();
  }

  /**
   * Lets everything that is parked be asked about again, as if it were new: after the first pause, whatever its age. For a
   * person who has mended what kept the answer away.
   * @returns how many
   */
  async recheckParked(): Promise<number> {
    return this.shelf.unpark((half) => this.shelf.rest({ ...half, checks: 0, born: this.now() }, 0));
  }

  private async store(half: StoredHalf): Promise<void> {
    try {
      await this.shelf.rest(half, 0);
    } catch (error) {
      throw new HalfMessageNotStoredError(
        `The half message of '${half.type}' was not stored at the broker (${String(error)}), so the work was not begun. Try again later.`,
        { cause: error },
      );
    }
  }
}
