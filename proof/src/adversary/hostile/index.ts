export { describeOver, type EnvelopesSummary, proveEnvelopes } from './prove-envelopes';
