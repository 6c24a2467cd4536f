import type { PurchaseRequest } from '../../business/purchase';

/** To user-service: how it went. */
export interface Reply extends PurchaseRequest {
  readonly verdict: 'completed' | 'rejected';
}
