export { renderProtocolPage } from './report';
export { runModel } from './run';
export type { ModelSize, ModelSummary, RemovalResult } from './summary';
