import { type ChildProcess, execFile as execFileCallback, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { until } from './until';

export const execFile = promisify(execFileCallback);

/**
 * A server process of ours. It leads its own process group, so that Ctrl-C in a terminal reaches only the owner, who
 * ends its servers in the right order. Output goes to a file: nobody has to read a pipe, and the last words survive.
 * It does not keep the event loop of its owner alive.
 */
export class ServerProcess {
  private constructor(
    private readonly command: string,
    private readonly child: ChildProcess,
    private readonly exit: Promise<unknown>,
    private readonly log: string,
    private readonly logStart: number,
  ) {}

  static async spawn(command: string, args: string[], log: string, options: SpawnOptions): Promise<ServerProcess> {
    const file = await open(log, 'a');
    try {
      const { size } = await file.stat();
      const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', file.fd, file.fd] });
      const exit = new Promise((resolve) => child.once('exit', resolve));
      await once(child, 'spawn'); // or throws what 'error' says
      child.unref();
      return new ServerProcess(command, child, exit, log, size);
    } finally {
      await file.close();
    }
  }

  get pid(): number {
    return this.child.pid!;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Polls until the server can be used. If it ends before, or takes too long, the error tells its last words. */
  async becomesReady(isReady: () => Promise<boolean>, everyMs: number): Promise<void> {
    const what = `${this.command} (process ${this.pid}) gets ready`;
    try {
      await until(
        what,
        async () => {
          if (!this.running) throw new Error(`${this.command} ended at once.`);
          return isReady();
        },
        { timeoutMs: 90_000, everyMs },
      );
    } catch (cause) {
      const output = (await readFile(this.log)).subarray(this.logStart).toString().trim();
      throw new Error(`${(cause as Error).message} It wrote:\n${output.slice(-4_000)}`, { cause });
    }
  }

  /** Sends the signal and waits for the end. A process that ignores it for 30 s is killed with its children. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    this.child.ref();
    this.child.kill(signal);
    const impatient = setTimeout(() => void this.kill(), 30_000);
    await this.exit;
    clearTimeout(impatient);
  }

  /** SIGKILL for the process and all its descendants; returns when none is left. */
  async kill(): Promise<void> {
    if (!this.running) return;
    this.child.ref();
    await killTree(this.pid);
    await this.exit;
  }
}

/** Is this process alive? One that ended but was not collected by its parent (a zombie) is not. */
export async function isRunning(pid: number): Promise<boolean> {
  const entry = (await processTable()).get(pid);
  return entry !== undefined && !entry.zombie;
}

/** SIGKILL for a process and its descendants, whatever process groups they are in; returns when all are gone. */
async function killTree(root: number): Promise<void> {
  signal(root, 'SIGSTOP'); // so that it starts no more children while we look
  const family = [...descendants(root, await processTable()), root];
  for (const pid of family) signal(pid, 'SIGKILL');
  await until(`processes ${family.join(', ')} end after SIGKILL`, async () => {
    const table = await processTable();
    return family.every((pid) => table.get(pid)?.zombie ?? true);
  });
}

interface ProcessEntry {
  readonly parent: number;
  readonly zombie: boolean;
}

function descendants(root: number, table: Map<number, ProcessEntry>): number[] {
  const children = [...table].filter(([, { parent }]) => parent === root).map(([pid]) => pid);
  return children.flatMap((pid) => [...descendants(pid, table), pid]);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function processTable(): Promise<Map<number, ProcessEntry>> {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

/** Slim container images have no `ps`, but every Linux has /proc. */
async function fromProc(): Promise<Map<number, ProcessEntry>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const table = new Map<number, ProcessEntry>();
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined); // it may have ended just now
    if (stat === undefined) continue;
    // "pid (name) state parent …", and the name may contain spaces and brackets
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    table.set(Number(pid), { parent: Number(parent), zombie: state === 'Z' || state === 'X' });
  }
  return table;
}

async function fromPs(): Promise<Map<number, ProcessEntry>> {
  const { stdout } = await execFile('ps', ['-A', '-o', 'pid=,ppid=,state=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Map(
    rows.map(([pid, parent, state]) => [Number(pid), { parent: Number(parent), zombie: state!.startsWith('Z') }]),
  );
}
