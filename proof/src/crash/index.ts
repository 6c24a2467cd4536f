/** The crash matrix: real processes, stopped at every step of a message. */
export { type CrashSummary, runClusterCrashes, runCrashMatrix } from './crash';
