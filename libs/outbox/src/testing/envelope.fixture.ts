import type { MessageEnvelope } from '../message/envelope';

/** A request with everything that one may carry. */
export const REQUEST: MessageEnvelope = {
  kind: 'message',
  message: {
    id: '018f0000-0000-7000-8000-000000000001',
    type: 'order.requested',
    source: 'user-service',
    key: 'k',
    payload: '{}',
    headers: {},
    recordedAt: '2026-11-22T10:00:00Z',
  },
  attempt: 1,
  deadlineAt: '2026-11-22T10:00:00Z',
  replyTo: 'user-service',
};
