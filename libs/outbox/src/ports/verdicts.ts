import type { ClaimedDelivery, DeliveryKey, Mark } from '../message/delivery';

/** Lets those who wait in this process look at once, instead of at their next poll. */
export interface VerdictListener {
  /** A delivery of this message changed its state here. */
  changed(messageId: string): void;
}

/** Runs the local follow-up of a verdict that is known already (`answered`). */
export interface FollowUps {
  /** Closes the row and runs its follow-up in one transaction. @returns what to write if it failed */
  finish(delivery: ClaimedDelivery): Promise<Mark | undefined>;
}

/** The marks of confirmed publishes that are not written yet. */
export interface PendingMarks {
  /**
   * The receipt was faster: the mark would only be overwritten. Always safe; a missing mark costs at most a resend.
   * @returns if the mark is on its way to the database: resolves when it no longer holds the row
   */
  skip(key: DeliveryKey): Promise<void> | undefined;
}
