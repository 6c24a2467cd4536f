import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { connectTestPostgres, testDatabase, until } from '@tallystick/services';
import { Client } from 'pg';
import { runTallystick, type Surroundings } from './terminal.fixture';

const BIN = join(__dirname, '../bin/tallystick.cjs');

/** The command line as a process of its own, which can be killed. It is what `npx tsc -b` has built. */
describe('a bulk operation', () => {
  let url: string;
  let database: Client;

  beforeAll(async () => {
    url = await testDatabase('jobs');
    database = new Client({ connectionString: url });
    await database.connect();
    await run(['migrate']);
  });
  afterAll(async () => {
    await database.end();
    await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(() => database.query('truncate outbox_message, outbox_delivery, outbox_audit, outbox_job'));

  const run = (args: string[], more: Partial<Surroundings> = {}) =>
    runTallystick(args, { env: { DATABASE_URL: url, TALLYSTICK_ACTOR: 'ada' }, ...more });

  async function park(count: number, code: string): Promise<void> {
    await database.query(
      `with message as (
         insert into outbox_message (id, aggregatetype, type, payload)
         select (lpad(to_hex(n), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid, 'user-service', 'order.requested', '{}'
         from generate_series(1, $1::int) n
         returning id
       )
       insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, code)
       select id, 'order-service', 'parked', 1, 'none', $2 from message`,
      [count, code],
    );
  }
  const count = async (where: string): Promise<number> => {
    const { rows } = await database.query<{ n: string }>(`select count(*) as n from outbox_delivery where ${where}`);
    return Number(rows[0]!.n);
  };
  const audited = async (): Promise<{ actor: string; target: string; changed: number }[]> =>
    (await database.query('select actor, target, changed from outbox_audit order by id')).rows;

  /** Killed at a delivery that somebody else holds, when it has come to so many others. */
  async function killedAfter(steps: number, args: string[]): Promise<void> {
    const holder = new Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query(
        `select from outbox_delivery
         where message_id = (select message_id from outbox_delivery order by message_id desc offset $1 limit 1)
         for update`,
        [steps],
      );
      const child: ChildProcess = spawn(process.execPath, [BIN, ...args], {
        env: { ...process.env, DATABASE_URL: url, TALLYSTICK_ACTOR: 'ada' },
        stdio: 'ignore',
      });
      const exited = once(child, 'exit');
      await until(`it has come to ${steps}`, async () => (await count("state = 'pending'")) === steps, {
        timeoutMs: 60_000,
      });
      child.kill('SIGKILL');
      await exited;
      // PostgreSQL notices only when the row is free and it has something to say.
      await holder.query(
        `select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where datname = current_database() and application_name like '%(outbox)'`,
      );
    } finally {
      await holder.end();
    }
  }

  it('that is killed in the middle is gone on with, and comes to no delivery twice', async () => {
    await park(60, 'GAVE_UP');
    const before = 20;
    await killedAfter(before, ['retry', 'state:parked', 'code:GAVE_UP', '--reason', 'repaired', '--yes']);
    expect(await count("state = 'pending'")).toBe(before);
    // What was opened again fails again meanwhile: it matches, and has been come to.
    await database.query(
      "update outbox_delivery set state = 'parked', next_at = null, code = 'GAVE_UP' where state = 'pending'",
    );
    const [job] = JSON.parse((await run(['jobs', '--json'])).out);
    expect(job).toMatchObject({ state: 'running', verb: 'retry', changed: before, refused: 0, by: 'ada' });

    expect(await run(['jobs', 'resume', job.id])).toMatchObject({
      code: 1,
      said: expect.stringContaining('is running'),
    });
    await database.query('update outbox_job set leased_until = now()');
    expect((await run(['jobs'])).out).toContain('abandoned');
    expect(await run(['jobs', 'resume', job.id])).toMatchObject({ code: 0, out: '60 changed, 0 refused' });

    const entries = await audited();
    expect(entries.at(-1)).toEqual({ actor: 'ada', target: 'state:parked code:GAVE_UP', changed: 60 });
    const single = entries.slice(0, -1).map(({ target }) => target);
    expect(single).toHaveLength(60);
    expect(new Set(single).size).toBe(60);
    expect(await count("state = 'parked'")).toBe(before);
    expect(await run(['jobs', 'resume', job.id])).toMatchObject({ code: 1, said: expect.stringContaining('is done') });
  });

  it('is stopped from anywhere, and says how far it is', async () => {
    await park(12, 'GAVE_UP');
    const [asked, began] = [run(['retry', 'state:parked', '--rate', '4', '--yes']), jobRuns()];
    const id = await began;
    expect(await run(['jobs', 'stop', id])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Stopped after \d+ changed/),
    });
    const stopped = await asked;
    expect(stopped).toMatchObject({ code: 1, out: expect.stringContaining(', stopped') });
    expect(stopped.said).toContain(`tallystick jobs resume ${id}`);
    expect(await count("state = 'parked'")).toBeGreaterThan(0);
    expect(await run(['jobs', 'stop', id])).toMatchObject({ code: 1, said: expect.stringContaining('is stopped') });
    expect(await run(['jobs', 'resume', id])).toMatchObject({ code: 0, out: '12 changed, 0 refused' });
    const said = JSON.parse((await run(['audit', '--json'])).out) as {
      verb: string;
      target: string;
      reason?: string;
    }[];
    expect(said.filter(({ target }) => target === 'state:parked').map(({ reason }) => reason)).toEqual([
      'resumed by ada',
      'stopped by ada',
    ]);
  });

  async function jobRuns(): Promise<string> {
    let ids: string[] = [];
    await until('it has begun', async () => {
      const { rows } = await database.query<{ id: string }>('select id from outbox_job where changed > 0');
      ids = rows.map(({ id }) => id);
      return ids.length > 0;
    });
    return ids[0]!;
  }

  it('leaves what may not be changed, and says why', async () => {
    await park(3, 'EXPIRED');
    await park(2, 'GAVE_UP');
    const { code, out, said } = await run(['discard', 'state:parked', '--reason', 'ticket 4711', '--yes', '--json']);
    const outcome = JSON.parse(out);
    expect([code, outcome.changed, outcome.refused, outcome.stopped]).toEqual([1, 3, 2, false]);
    expect(outcome.refusals[0].why).toContain('Only a parked delivery can be discarded');
    expect(said).toContain('This one is parked (GAVE_UP).');
    expect(await run(['jobs', 'resume', randomUUID()])).toMatchObject({
      code: 1,
      said: expect.stringContaining('There is no job'),
    });
  });
});
