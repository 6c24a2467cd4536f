import { randomUUID } from 'node:crypto';
import { KINDS, ServiceDatabase } from './service-database.fixture';
import { type Run, runTallystick } from './terminal.fixture';

const DAY_MS = 86_400_000;

describe.each(KINDS)('prune, on %s', (kind) => {
  let database: ServiceDatabase;

  beforeAll(async () => {
    database = await ServiceDatabase.create(kind, 'prune');
    for (const [state, days] of [
      ['completed', 40],
      ['completed', 20],
      ['parked', 40],
    ] as const) {
      await database.delivery({ state, ageMs: days * DAY_MS });
      await database.inbox({ id: randomUUID(), consumer: 'user-service', source: 'shop', ageMs: days * DAY_MS });
    }
  });
  afterAll(() => database.drop());

  const run = (...args: string[]): Promise<Run> =>
    runTallystick(['prune', ...args], { env: { DATABASE_URL: database.url } });

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
    expect(await database.ask('select state from outbox_delivery order by state')).toEqual([
      { state: 'completed' },
      { state: 'parked' },
    ]);
    expect(await run('--outbox', '3d', '--inbox', '4d', '--horizon', '3d', '--yes')).toMatchObject({
      code: 0,
      out: '1 messages and 1 inbox rows deleted',
    });
  });
});
