/** Service names become parts of queue names and routing keys, so they hold no dot: `a` + `b.c` must not meet `a.b` + `c`. */
const SERVICE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MESSAGE_TYPE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$/;
const RESERVED_TYPES = ['receipts', 'cancel', 'quarantine'];

/** What is wrong with this service name, as a sentence; undefined if nothing. */
export function serviceNameProblem(name: unknown): string | undefined {
  if (typeof name === 'string' && SERVICE_NAME.test(name)) return undefined;
  return `service name ${JSON.stringify(name)} must match ${SERVICE_NAME.source}: lower-case letters, digits and dashes, no dots, at most 63 characters`;
}

/** What is wrong with this message type, as a sentence; undefined if nothing. */
export function messageTypeProblem(type: unknown): string | undefined {
  if (typeof type !== 'string' || !MESSAGE_TYPE.test(type)) {
    return `message type ${JSON.stringify(type)} must match ${MESSAGE_TYPE.source}, for example 'order.requested'`;
  }
  if (RESERVED_TYPES.includes(type) || type.startsWith('outbox.')) {
    return `message type '${type}' is reserved: ${RESERVED_TYPES.map((name) => `'${name}'`).join(', ')} and 'outbox.*' name queues of the library`;
  }
  return undefined;
}
