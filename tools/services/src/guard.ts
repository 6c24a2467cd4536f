import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Reads lines "SIGNAL pid …", the last one counts. A line "done" ends the guard. If instead the input ends, the owner
 * is gone: it signals the processes of the last line, waits until they are gone (5 s at most) and runs its arguments.
 */
const SCRIPT = `
signal= targets=
while read -r word rest; do
  [ "$word" = done ] && exit 0
  signal=$word targets=$rest
done
if [ -n "$targets" ]; then
  kill -s "$signal" -- $targets
  turn=0
  while kill -s 0 -- $targets && [ $turn -lt 100 ]; do turn=$((turn + 1)); sleep 0.05; done
fi
"$@"
`;

/**
 * Ends servers whose owner went away without `stop()`: killed with SIGKILL, by Ctrl-C, by a crash. No handler inside
 * the owner can promise that. The guard is a shell at the other end of a pipe, and the kernel closes the pipe.
 * (There is no `sh` on Windows, and no such promise.)
 */
export class Guard {
  private readonly pipe: Socket;

  /** @param farewell command to run when the owner is gone and the processes are ended, e.g. `rm -rf <directory>` */
  constructor(farewell: string[]) {
    const shell = spawn('sh', ['-c', SCRIPT, 'tallystick-guard', ...farewell], {
      cwd: '/',
      detached: true, // Ctrl-C must not reach it before it has done its work
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    shell.on('error', () => {}); // no shell, no guard
    shell.unref();
    this.pipe = shell.stdin as Socket;
    this.pipe.on('error', () => {});
    this.pipe.unref();
  }

  /** From now on these are the processes to end; a negative id means a process group. Replaces the earlier ones. */
  watch(signal: 'KILL' | 'QUIT' | 'INT', ...pids: number[]): void {
    this.pipe.write(`${signal} ${pids.join(' ')}\n`);
  }

  /** The owner cleaned up itself. */
  release(): void {
    this.pipe.end('done\n');
  }
}
