import type { FollowUp } from '../message/contract';
import type { DeliveryKey, DeliveryState } from '../message/delivery';
import type { Reason, Verdict } from '../message/receipt';

/** One delivery as a person sees it. */
export interface DeliveryRecord extends DeliveryKey {
  readonly type: string;
  readonly key: string | undefined;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** What the row says and what the service has registered by now, together. */
  readonly followUp: FollowUp;
  readonly verdict: Verdict | undefined;
  readonly reason: Reason | undefined;
  readonly result: unknown;
  /** Why it is parked, was put back, or what was asked of it: `NOBODY_LISTENS`, `CANCEL_REQUESTED`, …; of its last trouble. */
  readonly code: string | undefined;
  readonly lastError: string | undefined;
  /** All ISO 8601, the database's clock. */
  readonly recordedAt: string;
  readonly nextAt: string | undefined;
  readonly deadlineAt: string | undefined;
  readonly sentAt: string | undefined;
  readonly settledAt: string | undefined;
}
