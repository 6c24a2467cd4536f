import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARMED, DIRECTORY_VARIABLE, HIT, type Point } from './points';

const directory = process.env[DIRECTORY_VARIABLE]!;

/** If it is the armed point, and nobody was here before, the whole process stops right here. */
export function reach(point: Point | undefined): void {
  if (point === undefined) return;
  try {
    if (readFileSync(join(directory, ARMED), 'utf8') !== point) return;
    renameSync(join(directory, ARMED), join(directory, `${HIT}.${process.pid}`)); // one process gets it
  } catch {
    return; // nothing is armed, or somebody was faster
  }
  writeFileSync(join(directory, `${HIT}.${process.pid}`), String(process.pid));
  renameSync(join(directory, `${HIT}.${process.pid}`), join(directory, HIT));
  process.kill(process.pid, 'SIGSTOP');
}
