import { readdir, readFile } from 'node:fs/promises';

/** Milliseconds of processor time, by the name of a process. */
export type ProcessorMs = Readonly<Record<string, number>>;

/**
 * Processes by what they do; each stands for itself and everything it started. The benchmark's own process stands for
 * itself alone: what it started are the servers and services that have names of their own.
 */
export type Processes = Readonly<Record<string, number | readonly number[]>>;

/** Linux counts processor time in hundredths of a second (`USER_HZ`, see proc(5)). */
const TICK_MS = 10;

/**
 * Processor time that {@link Processes} have used so far, descendants that have ended included. Undefined where there is
 * no `/proc`, or one of the processes is not there.
 */
export async function processorTime(processes: Processes): Promise<ProcessorMs | undefined> {
  try {
    const used = Object.entries(processes).map(async ([name, pids]) => {
      const each = [pids].flat().map((pid) => treeMs(pid));
      return [name, sum(await Promise.all(each))] as const;
    });
    return Object.fromEntries(await Promise.all(used));
  } catch {
    return undefined;
  }
}

async function treeMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name, in parentheses: … utime, stime, and both of the children that have ended.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const msOf = (from: number, to: number): number => sum(fields.slice(from, to).map(Number)) * TICK_MS;
  if (pid === process.pid) return msOf(11, 13);
  // One that ends while we look is counted with its parent the next time.
  const below = (await childrenOf(pid)).map((child) => treeMs(child).catch(() => 0));
  return msOf(11, 15) + sum(await Promise.all(below));
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
