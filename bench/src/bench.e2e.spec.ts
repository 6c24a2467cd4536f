import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { portAnswers, until } from '@tallystick/services';
import type { ScenarioResult } from './harness/result';

/** The program as `npm run bench` starts it. What it measures here says nothing about speed: it shows that it works. */
const MAIN = join(__dirname, '..', 'dist', 'main.js');
const TIMEOUT_MS = 1_800_000;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function bench(...args: string[]): Promise<Run> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [MAIN, ...args], { timeout: TIMEOUT_MS })) };
  } catch (error) {
    return error as Run;
  }
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing. Build first: npx tsc -b`);
});

describe('npm run bench -- all --small --json', () => {
  let run: Run;
  let results: Map<string, ScenarioResult>;

  beforeAll(async () => {
    run = await bench('all', '--small', '--json');
    const lines = run.stdout.split('\n').filter((line) => line !== '');
    results = new Map(
      lines.map((line) => JSON.parse(line) as ScenarioResult).map((result) => [result.scenario, result]),
    );
  }, TIMEOUT_MS + 10_000);

  it('runs every scenario, and writes nothing but JSON to stdout', () => {
    expect(run.stderr).not.toContain('failed');
    expect(run.code).toBe(0);
    expect([...results.keys()]).toEqual([
      'record',
      'relay',
      'roundtrip',
      'latency',
      'consume',
      'order',
      'backlog',
      'growth',
      'idle',
      'memory',
      'scale',
      'watched',
      'viewed',
    ]);
  });

  it('installs nothing: other packages are measured when somebody asks for them', () => {
    expect(run.stderr).toContain('peers is left out');
  });

  it.each([
    'record',
    'relay',
    'roundtrip',
    'latency',
    'consume',
    'order',
    'backlog',
    'growth',
    'idle',
    'memory',
    'scale',
    'viewed',
  ])('%s: says what was measured, where, and how it compares', (scenario) => {
    const { figures, machine, parameters } = results.get(scenario)!;
    expect(machine).toMatchObject({ cores: expect.any(Number), postgres: expect.stringContaining('fsync on') });
    expect(parameters).toMatchObject({ rounds: 1, small: true });
    expect(figures.length).toBeGreaterThan(0);
    for (const { median, min, max, baseline, ratio, target, reached } of figures) {
      for (const value of [median, min, max]) expect(value).toBeGreaterThanOrEqual(0);
      if (baseline) expect(ratio!.median).toBeCloseTo(median / baseline.median);
      expect(typeof reached).toBe(target ? 'boolean' : 'undefined');
    }
  });

  it.each(['record', 'relay', 'roundtrip', 'consume', 'order'])(
    '%s: counts the SQL statements per message',
    (scenario) => {
      for (const { cost } of results.get(scenario)!.figures) expect(cost!.statements).toBeGreaterThan(0);
    },
  );

  // Elsewhere nobody tells what a process used: there is no /proc.
  const onLinux = process.platform === 'linux' ? it : it.skip;
  onLinux.each(['record', 'relay', 'roundtrip', 'consume'])(
    '%s: says what a message costs every process, and what it costs by hand',
    (scenario) => {
      for (const { cost, baseline } of results.get(scenario)!.figures) {
        for (const processorMs of [cost!.processorMs!, baseline!.cost!.processorMs!]) {
          expect(Object.keys(processorMs)).toContain('PostgreSQL');
          expect(Object.values(processorMs).every(Number.isFinite)).toBe(true);
        }
      }
    },
  );

  it('backlog: sends callers away from routes that may be shed, and from no others', () => {
    const found = new Map(results.get('backlog')!.figures.map(({ name, median }) => [name, median]));
    expect(found.get('sheddable requests refused')).toBeGreaterThan(0);
    expect(found.get('other requests refused')).toBe(0);
  });

  it('viewed: counts what 20 who look ask of the database, which is not 20 times as much', () => {
    const found = new Map(results.get('viewed')!.figures.map(({ name, median }) => [name, median]));
    const asked = found.get('statements that 20 open tabs add')!;
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(4);
    expect(found.get('looks without an answer')).toBe(0);
  });

  it('counts one statement more for the transaction that records a message', () => {
    for (const { cost, baseline } of results.get('record')!.figures) {
      expect(cost!.statements! - baseline!.cost!.statements!).toBeCloseTo(1);
    }
  });
});

describe('npm run bench -- all --database mariadb --small --json', () => {
  let run: Run;
  let results: ScenarioResult[];

  beforeAll(async () => {
    run = await bench('all', '--database', 'mariadb', '--small', '--json');
    const lines = run.stdout.split('\n').filter((line) => line !== '');
    results = lines.map((line) => JSON.parse(line) as ScenarioResult);
  }, TIMEOUT_MS + 10_000);

  it('runs what can run there, under names of its own, and every order arrives', () => {
    expect(run.stderr).not.toContain('failed');
    expect(run.code).toBe(0);
    expect(results.map(({ scenario }) => scenario)).toEqual(['record-mariadb', 'relay-mariadb', 'roundtrip-mariadb']);
  });

  it('says where, and compares every figure with one that was written by hand', () => {
    for (const { machine, figures } of results) {
      expect(machine).toMatchObject({ mariadb: expect.stringContaining('innodb_flush_log_at_trx_commit 1') });
      expect(machine.postgres).toBeUndefined();
      expect(figures.length).toBeGreaterThan(0);
      for (const { median, baseline, ratio, cost } of figures) {
        expect(ratio!.median).toBeCloseTo(median / baseline!.median);
        expect(cost!.statements).toBeGreaterThan(0);
        if (process.platform === 'linux') expect(cost!.processorMs).toHaveProperty('MariaDB');
      }
    }
  });

  it('counts what the message adds to a transaction', () => {
    for (const { cost, baseline } of results[0]!.figures) {
      const added = cost!.statements! - baseline!.cost!.statements!;
      expect(added).toBeGreaterThan(1.5);
      expect(added).toBeLessThan(4); // as many as the first one on each connection
    }
  });
});

describe('npm run bench', () => {
  it('explains itself', async () => {
    const { stdout } = await bench('--help');
    for (const word of [
      'roundtrip',
      '--database <kind>',
      '--database-url',
      '--amqp-url',
      '--rounds',
      '--small',
      'report',
    ]) {
      expect(stdout).toContain(word);
    }
  });

  it('names what it does not know, and stops', async () => {
    expect(await bench('speed')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Allowed choices are record'),
    });
    expect(await bench('record', '--rounds', 'many')).toMatchObject({ code: 1 });
    expect(await bench('record', '--database', 'oracle')).toMatchObject({ code: 1 });
  });

  it('names what does not run on MariaDB, and starts nothing', async () => {
    expect(await bench('consume', '--database', 'mariadb')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('consume runs on PostgreSQL only'),
    });
    expect(await bench('record', '--database', 'mariadb', '--database-url', 'postgres://nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another kind'),
    });
  });

  it(
    'leaves no server behind when it is interrupted',
    async () => {
      const child = spawn(process.execPath, [MAIN, 'idle', '--rounds', '100'], { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(child, 'exit');
      const ports = await portsOf(child);
      child.kill('SIGINT');
      expect((await ended)[0]).toBe(130);
      for (const port of ports) await until(`port ${port} is closed`, async () => !(await portAnswers(port)));
    },
    TIMEOUT_MS,
  );
});

/** The ports of the servers it started, once it is in the middle of a scenario. */
async function portsOf({ stderr }: ChildProcess): Promise<number[]> {
  let written = '';
  stderr!.on('data', (chunk) => (written += String(chunk)));
  await until('it measures', () => written.includes('round 1'), { timeoutMs: 120_000 });
  return [...written.matchAll(/ready on port (\d+)/g)].map(([, port]) => Number(port));
}
