export { direct } from './direct.factory';
export type { DirectAddress, DirectOptions } from './direct.options';
