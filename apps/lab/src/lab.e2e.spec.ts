import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rabbitInstalled, until } from '@tallystick/services';
import type { Results } from './experiments/all';

jest.setTimeout(600_000);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built program, as a learner runs it. */
function start(args: string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const { AMQP_URL: _, FORCE_COLOR: __, ...inherited } = process.env;
  const program = join(__dirname, '../dist/main.js');
  return spawn(process.execPath, [program, ...args], { env: { ...inherited, ...environment }, stdio: 'pipe' });
}

async function lab(...args: string[]): Promise<Ended> {
  const child = start(args);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** Whatever was started with that folder for temporary files. */
async function processesIn(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const marked = await Promise.all(
    pids.map(async (pid) => (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).includes(folder)),
  );
  return pids.filter((_, index) => marked[index]);
}

const withBroker = rabbitInstalled() ? it : it.skip;

describe('the lab', () => {
  withBroker('finds in a small run of everything what it expects: naive loses money, nobody else does', async () => {
    const { code, stdout, stderr } = await lab('all', '--small', '--json');
    if (stdout === '') throw new Error(stderr);
    const { happy, crashes, outages, problems } = JSON.parse(stdout) as Results & { problems: string[] };
    expect({ code, problems }).toEqual({ code: 0, problems: [] });

    expect(happy.map(({ protocol, deviation }) => ({ protocol, deviation }))).toEqual(
      [
        'naive',
        'local-message-table',
        'two-phase-commit',
        'tcc',
        'saga',
        'half-message',
        'best-effort-notification',
      ].map((protocol) => ({ protocol, deviation: 0 })),
    );
    const complete = crashes.filter(({ without }) => without === undefined);
    const wrong = complete.filter(({ ending }) => ending !== 'consistent');
    expect(new Set(wrong.map(({ protocol }) => protocol))).toEqual(new Set(['naive']));
    const waiting = [...complete, ...outages].filter(({ bystander }) => bystander === 'waits');
    expect(new Set(waiting.map(({ protocol }) => protocol))).toEqual(new Set(['two-phase-commit']));
    expect(crashes.find(({ without }) => without === 'barrier')).toMatchObject({ protocol: 'tcc', ending: 'stuck' });
  });

  withBroker('leaves nothing behind when somebody presses Ctrl-C: no process, no file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lab-test-'));
    await chmod(folder, 0o755); // PostgreSQL is not root, even if we are
    const child = start(['all', '--small'], { TMPDIR: folder });
    let stderr = '';
    child.stderr!.on('data', (chunk) => (stderr += String(chunk)));
    child.stdout!.resume();
    await until('purchases are made', () => stderr.includes('when nothing goes wrong'), { timeoutMs: 120_000 });
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(130);
    await until('every process has ended', async () => (await processesIn(folder)).length === 0);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it('shows where two-phase commit blocks, three-phase commit ends, and where it splits', async () => {
    const { code, stdout } = await lab('three-phase-commit');
    expect(code).toBe(0);
    expect(stdout).toMatch(/two-phase-commit .*the coordinator dies when all have promised +\| blocked/);
    expect(stdout).toMatch(/three-phase-commit .*the coordinator dies when all have promised +\| aborted/);
    expect(stdout).toMatch(/three-phase-commit .*the network parts .* split/);
  });

  it('refuses what an experiment does not take', async () => {
    const { code, stderr } = await lab('loss', '--crash', 'after-debit', '--without', 'confirm');
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'loss does not take --crash, --without.\n' });
    expect((await lab('by-hand', '--rejected')).stderr).toBe('by-hand does not take --rejected.\n');
    expect((await lab('by-hand', '--without', 'luck')).stderr).toMatch(
      /^by-hand has no rule luck: one-transaction, resend/,
    );
  });

  it('names the steps there are when somebody asks for another one', async () => {
    const { code, stderr } = await lab('tcc', '--crash', 'after-lunch');
    expect(code).toBe(1);
    expect(stderr).toContain('tcc has no step after-lunch: after-log, after-try-user');
  });
});
