import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { keyText } from '../../message/envelope';
import { newMessage, SOURCE } from '../../testing/store-contract-scenario';
import type { Done, Round } from './contention.fixture';
import { PostgresFixture } from './postgres.fixture';

/** A few seconds; `CONTENTION_ROUNDS=150` takes a minute. */
const ROUNDS = Number(process.env.CONTENTION_ROUNDS ?? 10);
const CONSUMERS = ['mail-service', 'order-service'];
const ACCEPTED = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;

describe('Two processes with the same rows', () => {
  let fixture: PostgresFixture;
  let processes: ChildProcess[];

  beforeAll(async () => {
    fixture = await PostgresFixture.start({ direct: true });
    processes = [contender(fixture.url), contender(fixture.url)];
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
      for (let round = 0; round < ROUNDS; round++) {
        await fixture.empty();
        const deliveries = CONSUMERS.map((consumer) => ({ consumer, followUp: 'none' as const }));
        const messages = Array.from({ length: 150 }, () => newMessage({ deliveries }));
        await fixture.transactions.run((tx) => fixture.outbox.add(tx, messages));
        const ids = messages.map(({ id }) => id);
        const done = await Promise.all(
          processes.map((child) => run(child, { source: SOURCE, ids, consumers: CONSUMERS })),
        );

        const { legal, delivery } = fixture.tables;
        const illegal = await fixture.owner.query(
          `select * from ${delivery} where not ${legal}(state, verdict, follow_up, next_at, lease_token, settled_at)`,
        );
        expect(illegal).toEqual([]);
        const claimed = done.flatMap((each) => each.claimed);
        expect(new Set(claimed).size).toBe(claimed.length);

        const keys = ids.flatMap((messageId) => CONSUMERS.map((consumer) => ({ messageId, consumer })));
        const left = await fixture.outbox.closeMany(keys.map((key) => ({ ...key, answer: ACCEPTED })));
        const closed = [...done.flatMap((each) => each.closed), ...left.map(keyText)];
        expect(closed.sort()).toEqual(keys.map(keyText).sort());
      }
    },
    30_000 + ROUNDS * 5_000,
  );
});

/** A process of its own, which does as it is told over its channel. */
function contender(url: string): ChildProcess {
  const program = `
    require('reflect-metadata');
    require.extensions['.ts'] = (module, file) => module._compile(
      require('@swc/core').transformFileSync(file, {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      }).code, file);
    require('./contention.fixture.ts');
  `;
  return spawn(process.execPath, ['-e', program, url], {
    cwd: __dirname,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function run(child: ChildProcess, round: Round): Promise<Done> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a process ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (done) => {
      child.off('exit', ended);
      resolve(done as Done);
    });
    child.send(round);
  });
}
