import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { rabbitInstalled } from '@tallystick/services';
import type { Results } from './experiments/all';

jest.setTimeout(600_000);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built program, as a learner runs it. */
async function lab(...args: string[]): Promise<Ended> {
  const { AMQP_URL: _, FORCE_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [join(__dirname, '../dist/main.js'), ...args], { env, stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

const withBroker = rabbitInstalled() ? it : it.skip;

describe('the lab', () => {
  withBroker('finds in a small run of everything what it expects: naive loses money, nobody else does', async () => {
    const { code, stdout, stderr } = await lab('all', '--small', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { happy, crashes, outages } = JSON.parse(stdout) as Results;

    expect(happy.map(({ protocol, deviation }) => ({ protocol, deviation }))).toEqual(
      ['naive', 'local-message-table', 'two-phase-commit', 'tcc', 'saga', 'best-effort-notification'].map(
        (protocol) => ({ protocol, deviation: 0 }),
      ),
    );
    const complete = crashes.filter(({ without }) => without === undefined);
    const wrong = complete.filter(({ ending }) => ending !== 'consistent');
    expect(new Set(wrong.map(({ protocol }) => protocol))).toEqual(new Set(['naive']));
    const waiting = [...complete, ...outages].filter(({ bystander }) => bystander === 'waits');
    expect(new Set(waiting.map(({ protocol }) => protocol))).toEqual(new Set(['two-phase-commit']));
    expect(crashes.find(({ without }) => without === 'barrier')).toMatchObject({ protocol: 'tcc', ending: 'stuck' });
  });

  it('shows where two-phase commit blocks, three-phase commit ends, and where it splits', async () => {
    const { code, stdout } = await lab('three-phase-commit');
    expect(code).toBe(0);
    expect(stdout).toMatch(/two-phase-commit .*the coordinator dies when all have promised +\| blocked/);
    expect(stdout).toMatch(/three-phase-commit .*the coordinator dies when all have promised +\| aborted/);
    expect(stdout).toMatch(/three-phase-commit .*the network parts .* split/);
  });

  it('names the steps there are when somebody asks for another one', async () => {
    const { code, stderr } = await lab('tcc', '--crash', 'after-lunch');
    expect(code).toBe(1);
    expect(stderr).toContain('tcc has no step after-lunch: after-log, after-try-user');
  });
});
