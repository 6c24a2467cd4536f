export * from './nested';
export * from './orchestrated';
export * from './reported';
export { CHAIN_PROPERTIES, type State as ChainState } from './state';
