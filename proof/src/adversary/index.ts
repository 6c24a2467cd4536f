export { type AdversarySummary, proveAdversary } from './prove-adversary';
export { describeOver, type EnvelopesSummary, proveEnvelopes } from './hostile';
export { type AdversaryControlsSummary, runAdversaryControls } from './controls';
