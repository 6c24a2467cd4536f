export { describeOver, describeReplies, type EnvelopesSummary, proveEnvelopes } from './prove-envelopes';
export { proveReplies } from './prove-replies';
