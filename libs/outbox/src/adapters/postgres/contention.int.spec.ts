import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Done, round } from '../../testing/contention.fixture';
import type { Rows } from '../../testing/postgres-contention.fixture';
import { processOf } from '../../testing/typescript-process.fixture';
import { PostgresFixture } from './postgres.fixture';

const PROGRAM = join(__dirname, '../../testing/postgres-contention.fixture.ts');
/** A few seconds; `CONTENTION_ROUNDS=150` takes a minute. */
const ROUNDS = Number(process.env.CONTENTION_ROUNDS ?? 10);

describe('Two processes with the same rows', () => {
  let fixture: PostgresFixture;
  let processes: ChildProcess[];

  beforeAll(async () => {
    fixture = await PostgresFixture.start({ direct: true });
    const contender = (): ChildProcess => processOf(PROGRAM, { args: [fixture.url] });
    processes = [contender(), contender()];
  });
  afterAll(async () => {
    const ended = processes.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'exit'));
    for (const child of processes) if (child.connected) child.disconnect();
    await Promise.all(ended);
    await fixture.stop();
  });

  it(
    'claim, mark, close and cancel without a deadlock, and give nothing out twice',
    async () => {
      const { legal, delivery } = fixture.tables;
      const illegal = `select * from ${delivery} where not ${legal}(state, verdict, follow_up, next_at, lease_token, settled_at)`;
      for (let each = 0; each < ROUNDS; each++) {
        await round(fixture, async (keys) => {
          const done = await Promise.all(processes.map((child) => run(child, keys)));
          expect(await fixture.owner.query(illegal)).toEqual([]);
          return done;
        });
      }
    },
    30_000 + ROUNDS * 5_000,
  );
});

function run(child: ChildProcess, keys: Rows): Promise<Done> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a process ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (done) => {
      child.off('exit', ended);
      resolve(done as Done);
    });
    child.send(keys);
  });
}
