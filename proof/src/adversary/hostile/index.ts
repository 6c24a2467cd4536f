export { describeOver, describeReplies, type EnvelopesSummary, proveEnvelopes } from './prove-envelopes';
export { proveReplies, type RepliesSummary } from './prove-replies';
