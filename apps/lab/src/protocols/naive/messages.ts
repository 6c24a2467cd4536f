import type { PurchaseRequest } from '../../business/purchase';

export const QUEUES = ['orders', 'replies'] as const;

export interface Reply extends PurchaseRequest {
  readonly verdict: 'completed' | 'rejected';
}
