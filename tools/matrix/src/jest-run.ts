import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BroughtServer } from '@tallystick/services';
import type { Suite } from './suites';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Tests that do not apply there. */
  readonly skipped: number;
}

export interface SuiteRun extends Counts {
  /** What failed and why: tests, and files that could not be run. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** The part of Jest's JSON report that is read here. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Of what is shown of one failure. */
const LONGEST = 1_000;
const ROOT = join(__dirname, '../../..');
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');

/** Runs the suite with the server instead of the machine's own. @throws Error if Jest came to no result */
export async function runJest(suite: Suite, server: BroughtServer, say: (line: string) => void): Promise<SuiteRun> {
  const folder = await mkdtemp(join(tmpdir(), 'tallystick-matrix-'));
  const report = join(folder, 'report.json');
  const begun = performance.now();
  try {
    const child = spawn(server.node ?? process.execPath, [JEST, ...suite.jest, '--json', '--outputFile', report], {
      cwd: ROOT,
      env: { ...process.env, ...server.env, AMQP_URL: '', MARIADB_URL: '', MYSQL_URL: '' }, // given ones would be taken instead
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let last = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      for (const [line] of text.matchAll(/^(?:PASS|FAIL) .*/gm)) say(`  ${line}`);
      last = (last + text).slice(-4_000);
    });
    await once(child, 'close');
    const text = await readFile(report, 'utf8').catch((cause: unknown) => {
      throw new Error(`Jest came to no result. It wrote:\n${last}`, { cause });
    });
    return { ...summarise(JSON.parse(text) as JestReport), seconds: Math.round((performance.now() - begun) / 1_000) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file that cannot be loaded has no tests, and counts as one that failed: it must not look like fewer tests. */
export function summarise(report: JestReport): Omit<SuiteRun, 'seconds'> {
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  );
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join('\n').slice(0, LONGEST)}`),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests,
    failures: [...failed, ...broken.map(({ name, message }) => `${name}: ${message.slice(0, LONGEST)}`)],
  };
}
