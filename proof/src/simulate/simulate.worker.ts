import { parentPort, workerData } from 'node:worker_threads';
import { tally, type WorldName } from './simulate';

// Faults are errors by the thousand, and nobody reads their stacks.
Error.stackTraceLimit = 0;

const { seeds, world } = workerData as { seeds: number[]; world: WorldName };
void tally(seeds, world, () => parentPort!.postMessage('done')).then((sum) => parentPort!.postMessage(sum));
