export { replay, simulate, type SimulationSummary } from './simulate';
