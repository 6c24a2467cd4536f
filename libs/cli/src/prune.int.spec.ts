import { randomUUID } from 'node:crypto';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { type Run, runTallystick } from './terminal.fixture';

describe('prune', () => {
  let url: string;
  let database: Client;

  beforeAll(async () => {
    url = await testDatabase('prune');
    await runTallystick(['migrate', '--database-url', url]);
    database = new Client({ connectionString: url });
    await database.connect();
    for (const [state, age] of [
      ['completed', '40 d'],
      ['completed', '20 d'],
      ['parked', '40 d'],
    ]) {
      const id = randomUUID();
      await database.query(
        `insert into outbox_message (id, aggregatetype, type, payload) values ($1, 'user-service', 'order.requested', '{}')`,
        [id],
      );
      await database.query(
        `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, settled_at, verdict)
         values ($1, 'order-service', $2::varchar, 1, 'none', case when $2 = 'completed' then now() - $3::interval end, case when $2 = 'completed' then 'accepted' end)`,
        [id, state, age],
      );
      await database.query(
        `insert into inbox_message (consumer, message_id, source, verdict, received_at) values ('user-service', $1, 'shop', 'accepted', now() - $2::interval)`,
        [id, age],
      );
    }
  });
  afterAll(async () => {
    await database.end();
    await connectTestPostgres().dropDatabase(url);
  });

  const run = (...args: string[]): Promise<Run> => runTallystick(['prune', ...args], { env: { DATABASE_URL: url } });

  it('asks before it deletes', async () => {
    expect(await run()).toMatchObject({
      code: 1,
      said: expect.stringContaining('Delete the old rows of user-service? Not done'),
    });
  });

  it('refuses to forget what could then be executed twice', async () => {
    expect(await run('--inbox', '14d', '--yes')).toMatchObject({
      code: 2,
      said: expect.stringContaining('executed twice'),
    });
    expect(await run('--outbox', '13d', '--yes')).toMatchObject({ code: 2 });
  });

  it('deletes what is final and old, and never a parked row', async () => {
    expect(await run('--yes', '--json')).toMatchObject({ code: 0, out: '{"messages":1,"inboxRows":2}' });
    expect((await database.query('select state from outbox_delivery order by state')).rows).toEqual([
      { state: 'completed' },
      { state: 'parked' },
    ]);
    expect(await run('--outbox', '3d', '--inbox', '4d', '--horizon', '3d', '--yes')).toMatchObject({
      code: 0,
      out: '1 messages and 1 inbox rows deleted',
    });
  });
});
