import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { processorTime } from './processor-time';

const BURNED_MS = 300;
/** A server as busy as that, which then waits. */
const BURN = `
while (process.cpuUsage().user < ${BURNED_MS * 1000});
process.stdout.write('burned');
process.stdin.resume();`;

/** Elsewhere nobody tells what a process used: there is no /proc. */
const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('processor time', () => {
  let server: ChildProcess;

  beforeAll(async () => {
    server = spawn(process.execPath, ['-e', BURN], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(server.stdout!, 'data');
  });

  afterAll(end);

  async function end(): Promise<void> {
    if (server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.stdin!.end();
    await ended;
  }

  /** What this process knows of itself. */
  function own(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }

  it('of the benchmark itself leaves out the servers it started, running or ended', async () => {
    const { application, PostgreSQL } = (await processorTime({ application: process.pid, PostgreSQL: server.pid! }))!;
    expect(PostgreSQL).toBeGreaterThanOrEqual(BURNED_MS);
    expect(application).toBeLessThanOrEqual(own());
    await end();
    const afterwards = (await processorTime({ application: process.pid }))!;
    expect(afterwards.application).toBeLessThanOrEqual(own());
  });

  it('of any other contains what it started', async () => {
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(BURN)}], { stdio: 'inherit' })`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    const ended = once(parent, 'exit');
    try {
      expect((await processorTime({ service: parent.pid! }))!.service).toBeGreaterThanOrEqual(BURNED_MS);
    } finally {
      parent.stdin.end();
      await ended;
    }
  });

  it('is unknown where a process is not there', async () => {
    expect(await processorTime({ gone: 2 ** 30 })).toBeUndefined();
  });
});
