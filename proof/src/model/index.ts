export { renderProtocolPage } from './report';
export { runModel, type ModelOptions } from './run';
export type {
  BaselineResult,
  ModelResult,
  ModelSize,
  ModelSummary,
  Outcome,
  RemovalResult,
  TimedResult,
} from './summary';
