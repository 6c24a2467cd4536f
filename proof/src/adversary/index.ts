export { type AdversarySummary, proveAdversary } from './prove-adversary';
export { describeOver, describeReplies, type EnvelopesSummary, proveEnvelopes } from './hostile';
export { type AdversaryControlsSummary, runAdversaryControls } from './controls';
