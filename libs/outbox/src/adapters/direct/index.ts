export { direct } from './direct-factory';
export type { DirectOptions } from './direct-options';
