export { type QueuesSummary, simulateQueues } from './queues';
export { replay, simulate, type SimulationSummary } from './simulate';
