export { replay, simulate, type SimulationOptions, type SimulationSummary } from './simulate';
