import { CANCEL_TYPE, RECEIPT_TYPE } from '../message/envelope';

const TRAITS = [{ $ref: '#/components/messageTraits/cloudEvent' }];
const CORRELATION = { location: '$message.header#/cloudEvents_correlationid' };
const amqp = (messageType: string): object => ({ amqp: { messageType, bindingVersion: '0.3.0' } });

/** CloudEvents 1.0, binary mode: what every message of the library has. */
export const HEADERS = {
  type: 'object',
  required: [
    'cloudEvents_specversion',
    'cloudEvents_id',
    'cloudEvents_type',
    'cloudEvents_source',
    'cloudEvents_time',
    'cloudEvents_attempt',
  ],
  properties: {
    cloudEvents_specversion: { const: '1.0' },
    cloudEvents_id: { type: 'string', description: 'Of the message; the same for every copy.' },
    cloudEvents_type: { type: 'string' },
    cloudEvents_source: { type: 'string', description: 'The service that sent it.' },
    cloudEvents_time: { type: 'string', format: 'date-time', description: 'When its database recorded it.' },
    cloudEvents_attempt: { type: 'integer', minimum: 1 },
    cloudEvents_subject: { type: 'string', description: 'The key of the message.' },
    cloudEvents_expirytime: { type: 'string', format: 'date-time', description: 'The deadline.' },
    cloudEvents_correlationid: { type: 'string' },
    cloudEvents_causationid: { type: 'string' },
  },
} as const;

const REASON = {
  type: 'object',
  required: ['code'],
  properties: { code: { type: 'string' }, message: { type: 'string' }, details: {} },
};

/** Asks a consumer to give a message up. */
export const CANCEL = {
  name: CANCEL_TYPE,
  contentType: 'application/json',
  payload: { type: 'object', required: ['reason'], properties: { reason: REASON } },
  traits: TRAITS,
  correlationId: CORRELATION,
  bindings: amqp(CANCEL_TYPE),
};

/** What a consumer answers. Only accepted and rejected are verdicts. */
export const RECEIPT = {
  name: RECEIPT_TYPE,
  contentType: 'application/json',
  payload: {
    type: 'object',
    required: ['consumer', 'attempt', 'recordedAt', 'verdict'],
    properties: {
      consumer: { type: 'string' },
      attempt: { type: 'integer', minimum: 1 },
      recordedAt: { type: 'string', format: 'date-time' },
      verdict: { enum: ['accepted', 'rejected', 'deferred', 'unprocessable'] },
      payloadHash: {
        type: 'string',
        pattern: '^[0-9a-f]{64}$',
        description: 'SHA-256 over type and body of what was judged.',
      },
      reason: REASON,
      result: { description: 'What the handler returned.' },
      retryAfterMs: { type: 'number', minimum: 0 },
    },
  },
  traits: TRAITS,
  correlationId: CORRELATION,
  bindings: amqp(RECEIPT_TYPE),
};
