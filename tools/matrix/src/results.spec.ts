import { readFileSync } from 'node:fs';
import { SERVER_VERSIONS } from '@tallystick/services';
import { summarise } from './jest-run';
import { PAGE, readResults, type Result, withResult, withTable } from './results';
import { SUITES } from './suites';

const result: Result = {
  asked: 'rabbitmq@4.0',
  product: 'RabbitMQ',
  version: '4.0.5',
  suite: 'transport',
  passed: 90,
  failed: 0,
  skipped: 2,
  date: '2026-11-28',
  node: '20.20.2',
  seconds: 100,
};

describe('the table of versions', () => {
  it('of the page about operations shows what is written down, and nothing else', async () => {
    const page = readFileSync(PAGE, 'utf8');
    expect(withTable(page, await readResults())).toBe(page);
  });

  it('does not hide a failure, nor what does not apply', () => {
    const page = withTable('a\n<!-- matrix:start -->\nold\n<!-- matrix:end -->\nz\n', [
      result,
      { ...result, suite: 'e2e', failed: 1 },
    ]);
    expect(page).toContain('| RabbitMQ 4.0.5 | transport | all 90, 2 do not apply | 20.20.2 | 2026-11-28 |');
    expect(page).toContain('| e2e | **1 failed**, 90 passed, 2 do not apply |');
    expect(page).not.toContain('old');
  });

  it('needs a place in the page', () => {
    expect(() => withTable('nothing', [result])).toThrow('<!-- matrix:start -->');
  });
});

describe('a result', () => {
  it('replaces the one of the same suite and version, also when that has become another patch', () => {
    const newer = { ...result, version: '4.0.6', passed: 91 };
    const other = { ...result, suite: 'e2e' };
    expect(withResult([other, result], newer)).toEqual([other, newer]);
  });

  it('counts a file that could not be loaded as a failure', () => {
    const files = [
      { name: 'a', status: 'failed', message: 'SyntaxError', assertionResults: [] },
      {
        name: 'b',
        status: 'failed',
        message: '',
        assertionResults: [{ status: 'failed', fullName: 'works', failureMessages: ['2'] }],
      },
      {
        name: 'c',
        status: 'passed',
        message: '',
        assertionResults: [{ status: 'passed', fullName: 'does', failureMessages: [] }],
      },
    ];
    const report = { numPassedTests: 1, numFailedTests: 1, numPendingTests: 0, testResults: files };
    expect(summarise(report)).toEqual({ passed: 1, failed: 2, skipped: 0, failures: ['works: 2', 'a: SyntaxError'] });
  });
});

it('every product that can be had has suites', () => {
  const products = new Set(SERVER_VERSIONS.map((name) => name.split('@')[0]));
  expect(Object.keys(SUITES).sort()).toEqual([...products].sort());
});
