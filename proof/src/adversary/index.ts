export { type AdversarySummary, proveAdversary } from './prove-adversary';
