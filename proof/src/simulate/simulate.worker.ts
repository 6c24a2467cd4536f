import { parentPort, workerData } from 'node:worker_threads';
import { tally } from './simulate';

// Faults are errors by the thousand, and nobody reads their stacks.
Error.stackTraceLimit = 0;

void tally(workerData as number[], () => parentPort!.postMessage('done')).then((sum) => parentPort!.postMessage(sum));
