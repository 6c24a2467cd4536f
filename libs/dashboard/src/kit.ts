/**
 * What any page of this repository is served with, so that each keeps the same rules: who may come in, what a write must be, what
 * a browser is told, and one look for all who watch. Nothing in here knows Nest, or an outbox.
 */
export { foreignWrite, isLocal } from './access';
export { ASSETS, Assets } from './assets';
export { bodyOf, send, sendJson } from './http';
export { Sampler } from './sampler';
export { Streams } from './stream';
