export { renderProtocolPage } from './lesson';
export { renderTracesPage } from './report';
export { runModel } from './run';
export type { ModelSize, ModelSummary, RemovalResult } from './summary';
