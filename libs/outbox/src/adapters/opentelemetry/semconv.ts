/**
 * Names of the semantic conventions for messaging and RabbitMQ, 1.44 (*Development*:
 * https://opentelemetry.io/docs/specs/semconv/messaging/). Copied: the package that has them asks not to be imported for what is not stable.
 */
export const ATTR_SYSTEM = 'messaging.system';
export const ATTR_OPERATION_NAME = 'messaging.operation.name';
export const ATTR_OPERATION_TYPE = 'messaging.operation.type';
export const ATTR_DESTINATION = 'messaging.destination.name';
export const ATTR_MESSAGE_ID = 'messaging.message.id';
export const ATTR_CONVERSATION_ID = 'messaging.message.conversation_id';
export const ATTR_CONSUMER_GROUP = 'messaging.consumer.group.name';
/** Of few values; not there when all went well. */
export const ATTR_ERROR_TYPE = 'error.type';

/** Ours. */
export const ATTR_TYPE = 'tallystick.type';
export const ATTR_ATTEMPT = 'tallystick.attempt';
export const ATTR_OUTCOME = 'tallystick.outcome';
export const ATTR_VERDICT = 'tallystick.verdict';
export const ATTR_REASON = 'tallystick.reason';

/** What a span is about; the first part of its name. `settle`: a receipt is applied, and with it the delivery. */
export type Operation = 'create' | 'publish' | 'process' | 'settle';

/** `operation.type` of each: publish is called *send* there. */
export const OPERATION_TYPE: Readonly<Record<Operation, string>> = {
  create: 'create',
  publish: 'send',
  process: 'process',
  settle: 'settle',
};

/** Names of the spans around follow-ups. */
export const FOLLOW_UP_NAME = { accepted: 'on accepted', rejected: 'compensate' } as const;
