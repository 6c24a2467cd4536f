import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { type DatabaseKind, KINDS, ServiceDatabase } from './service-database.fixture';
import { type Run, runTallystick, type Surroundings } from './terminal.fixture';

describe.each(KINDS)('tallystick, on %s', (kind: DatabaseKind) => {
  let database: ServiceDatabase;

  beforeAll(async () => {
    database = await ServiceDatabase.create(kind, 'cli');
  });
  afterAll(() => database.drop());
  beforeEach(() => database.empty());

  const run = (...args: string[]): Promise<Run> => runWith({}, ...args);
  function runWith(surroundings: Partial<Surroundings>, ...args: string[]): Promise<Run> {
    return runTallystick(args, { env: { DATABASE_URL: database.url }, ...surroundings });
  }
  const row = (state: string, error: string | null = null, source = 'user-service'): Promise<string> =>
    database.delivery({ state, error, source, key: '42', payload: '{"sku":"A B"}', attempts: 3 });
  const statesOf = (...ids: string[]): Promise<string[]> => database.statesOf(...ids);

  it('says that the tables are there, however often they are made', async () => {
    expect(await run('migrate')).toEqual({ code: 0, out: '', said: 'The tables are there.' });
  });

  it('says what is open', async () => {
    await row('pending');
    await row('parked');
    await row('completed');
    const { code, out } = await run('status');
    expect(code).toBe(0);
    expect(out).toMatch(/^user-service\s+deliveries\npending\s+1\nsent\s+0\n/);
    expect(out).toMatch(/\nparked\s+1\nThe oldest has been due for \d+\.\d s\.$/);
    expect(JSON.parse((await run('status', '--json')).out)).toMatchObject({
      service: 'user-service',
      open: { pending: 1, parked: 1 },
    });
  });

  it('lists what a filter means, newest first, and counts it', async () => {
    const gaveUp = await row('parked', 'GAVE_UP: UNROUTABLE: no queue');
    await row('parked', 'EXPIRED');
    const { code, out } = await run('list', 'state:parked', 'code:GAVE_UP', 'data.sku:A B');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^message\s+state\s+type → consumer\s+tries\s+last error$/),
      expect.stringMatching(
        new RegExp(`^${gaveUp}\\s+parked\\s+order.requested → order-service\\s+3\\s+GAVE_UP: UNROUTABLE`),
      ),
    ]);
    expect(await run('count', 'state:parked')).toMatchObject({ code: 0, out: '2 deliveries' });
    expect(JSON.parse((await run('list', '--json', '--limit', '1')).out)).toHaveLength(1);
    expect(await run('list', 'state:sent')).toMatchObject({ code: 1 });
  });

  it('shows all that is known of a message', async () => {
    const id = await row('completed');
    const { out } = await run('show', id);
    for (const line of [/^message {5}/m, /^type {8}order.requested, key 42$/m, /^verdict {5}accepted$/m, /^settled /m])
      expect(out).toMatch(line);
    expect(out).toMatch(/\n\n\S+Z {2}recorded\n\S+Z {2}accepted: completed$/);
    expect(await run('show', randomUUID())).toMatchObject({
      code: 1,
      said: expect.stringContaining('Nothing is known'),
    });
  });

  it('shows what happened to it, and the half of the consumer', async () => {
    const id = await row('parked', 'EXPIRED: old');
    await run('retry', id, '--by', 'ada', '--reason', 'the broker is back', '--yes');
    await run('cancel', id, '--by', 'grace', '--reason', 'changed my mind', '--yes');
    const rejected = { id, verdict: 'rejected', reason: '{"code":"CANCELLED"}' };
    await database.inbox(rejected);
    await database.inbox({ ...rejected, consumer: 'mail-service' });
    await database.inbox({ ...rejected, source: 'another-service' });
    const told = (text: string): string[] =>
      text
        .slice(text.indexOf('\n\n') + 2)
        .split('\n')
        .map((line) => line.replace(/^\S+Z {2}| {22}/, ''));
    const [alone, both] = [await run('show', id), await run('show', id, '--consumer', database.url)];
    const steps = ['recorded', 'retried by ada', 'the broker is back', 'cancel requested by grace', 'changed my mind'];
    expect(told(alone.out)).toEqual(steps);
    expect(told(both.out)).toEqual([...steps, 'order-service decided: rejected', '{"code":"CANCELLED"}']);
    const asked = { env: { DATABASE_URL: database.url, TALLYSTICK_CONSUMER_URL: database.url } };
    expect(JSON.parse((await runWith(asked, 'show', id, '--json')).out)).toEqual([
      expect.objectContaining({
        messageId: id,
        history: [expect.objectContaining({ what: 'retried' }), expect.objectContaining({ what: 'cancel-requested' })],
        inbox: [expect.objectContaining({ consumer: 'order-service', source: 'user-service', verdict: 'rejected' })],
      }),
    ]);
  });

  it('opens exactly what matches again, once somebody has said yes', async () => {
    const gaveUp = [await row('parked', 'GAVE_UP: x'), await row('parked', 'GAVE_UP: y')];
    const expired = await row('parked', 'EXPIRED: z');
    const retry = ['retry', 'state:parked', 'code:GAVE_UP', '--rate', '10000'];

    const unasked = await run(...retry);
    expect(unasked).toMatchObject({ code: 1, out: '' });
    expect(unasked.said).toContain('Retry 2 deliveries of user-service (state:parked code:GAVE_UP)?');
    expect(await statesOf(gaveUp[0]!)).toEqual(['parked']);

    expect(await runWith({ yes: true }, ...retry)).toMatchObject({ code: 0, out: '2 changed, 0 refused' });
    expect(await statesOf(...gaveUp, expired)).toEqual(['pending', 'pending', 'parked']);
    expect(await run(...retry, '--yes')).toMatchObject({ code: 1, said: 'Nothing matches.' });
  });

  it('leaves as it is what may not be changed, and says why', async () => {
    const undecided = await row('parked', 'GAVE_UP: x');
    const harmless = await row('parked', 'EXPIRED: x');
    const { code, out, said } = await run('discard', 'state:parked', '--reason', 'ticket 4711', '--yes');
    expect({ code, out }).toEqual({ code: 1, out: '1 changed, 1 refused' });
    expect(said).toContain(`${undecided} to order-service: Only a parked delivery can be discarded`);
    expect(await statesOf(harmless)).toEqual(['discarded']);
    expect(await run('discard', undecided, '--reason', 'ticket 4711', '--yes', '--force')).toMatchObject({ code: 0 });
    expect(await statesOf(undecided)).toEqual(['discarded']);
  });

  it('writes down who did it, and shows it', async () => {
    const id = await row('parked', 'EXPIRED: x');
    const env = { DATABASE_URL: database.url, TALLYSTICK_ACTOR: 'ada' };
    await runWith({ env }, 'retry', id, '--reason', 'the broker is back', '--yes');
    await runWith({ env }, 'cancel', id, '--reason', 'changed my mind', '--by', 'grace', '--yes');
    expect(await run('cancel', id, '--reason', 'twice', '--yes')).toMatchObject({ code: 0 });
    const { code, out } = await run('audit');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(1))).toEqual([
      ['who', 'what', 'changed', 'of', 'why'],
      ['grace', 'cancel', '1', `id:${id} to:order-service`, 'changed my mind'],
      ['ada', 'retry', '1', `id:${id} to:order-service`, 'the broker is back'],
    ]);
    await row('parked', 'EXPIRED: x');
    await run('retry', 'state:parked', '--yes');
    expect(JSON.parse((await run('audit', '--json', '--limit', '1')).out)).toEqual([
      expect.objectContaining({ actor: `${userInfo().username}@${hostname()}`, verb: 'retry', changed: 1 }),
    ]);
  });

  it('pauses and resumes, and says so wherever one looks', async () => {
    await row('pending');
    await row('completed');
    const why = ['--reason', 'their database moves', '--by', 'ada'];
    const paused = await run('pause', '--to', 'order-service', ...why);
    expect(paused).toMatchObject({ code: 0, said: '' });
    expect(paused.out).toMatch(
      /^Paused: to:order-service since \S+ by ada: their database moves\nIt holds back 1 delivery now\.$/,
    );
    expect((await run('status')).out).toContain('\nPaused: to:order-service since ');
    expect(JSON.parse((await run('status', '--json')).out)).toMatchObject({
      paused: [{ to: 'order-service', by: 'ada' }],
    });
    expect(await run('resume', '--by', 'ada')).toMatchObject({
      code: 1,
      said: 'There is no pause of everything. Paused is: to:order-service.',
    });
    expect(await run('resume', '--to', 'order-service', '--by', 'grace')).toMatchObject({
      code: 0,
      out: 'Resumed; 0 held back until now are due.',
    });
    expect((await run('status')).out).not.toContain('Paused');
    const { out } = await run('audit');
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(1))).toEqual([
      ['who', 'what', 'changed', 'of', 'why'],
      ['grace', 'resume', '1', 'to:order-service'],
      ['ada', 'pause', '1', 'to:order-service', 'their database moves'],
    ]);
    expect(await run('pause', '--type', 'order.*', ...why)).toMatchObject({ code: 2 });
  });

  it('asks the consumer to give a message up', async () => {
    const id = await row('pending');
    expect(await run('cancel', id, '--reason', 'changed my mind', '--yes')).toMatchObject({ code: 0 });
    expect(await statesOf(id)).toEqual(['cancelling']);
  });

  it('stops between two deliveries, and the same command goes on', async () => {
    const ids = [await row('parked'), await row('parked')];
    const stopped = await runWith({ stop: AbortSignal.abort() }, 'retry', 'state:parked', '--yes');
    expect(stopped).toMatchObject({ code: 1, out: '0 changed, 0 refused, stopped: the same command goes on' });
    expect(await run('retry', 'state:parked', '--yes')).toMatchObject({ code: 0, out: '2 changed, 0 refused' });
    expect(await statesOf(...ids)).toEqual(['pending', 'pending']);
  });

  it('asks whose messages are meant when several services share the tables', async () => {
    await row('parked');
    await row('parked', null, 'billing');
    const { code, said } = await run('status');
    expect({ code, said }).toEqual({
      code: 1,
      said: expect.stringContaining('several share these tables (billing, user-service)'),
    });
    expect((await run('--service', 'billing', 'count')).out).toBe('1 delivery');
    expect(
      (await runWith({ env: { DATABASE_URL: database.url, TALLYSTICK_SERVICE: 'user-service' } }, 'count')).out,
    ).toBe('1 delivery');
  });

  it('prints the SQL of a migration instead of running it', async () => {
    const { code, out } = await run('migrate', '--dry-run', '--prefix', 'billing_');
    expect(code).toBe(0);
    expect(out).toMatch(/^create table if not exists ["`]billing_outbox_message["`]/m);
    expect(await run('--prefix', 'billing_', 'status')).toMatchObject({ code: 1 });
  });

  it.each([
    [['list', 'stat:parked'], 2, /no word "stat"\. Did you mean state\?/],
    [['lst'], 2, /unknown command 'lst'.*Did you mean list\?/s],
    [['list', '--limit', 'all'], 2, /Write a whole number/],
    [['discard', 'state:parked'], 2, /required option '--reason <text>'/],
    [['retry'], 2, /missing required argument 'filter'/],
  ] as const)('answers %j with %i and what is wrong', async (args, code, says) => {
    await row('parked');
    const found = await run(...args);
    expect(found.code).toBe(code);
    expect(found.said).toMatch(says);
  });

  it('says that the tables are missing', async () => {
    const { code, said } = await run('--prefix', 'other_', 'status');
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('other_outbox_schema') });
  });
});

describe('tallystick, without a database', () => {
  const run = (...args: string[]): Promise<Run> => runTallystick(args);

  it('needs to be told the database', async () => {
    expect(await run('status')).toMatchObject({
      code: 1,
      said: expect.stringContaining('DATABASE_URL'),
    });
  });

  it('prints the SQL of a migration', async () => {
    const { code, out } = await run('migrate', '--dry-run', '--prefix', 'billing_');
    expect(code).toBe(0);
    expect(out).toContain('create table if not exists "billing_outbox_message"');
  });

  it('has a help for everything, in 80 columns', async () => {
    const { out: help } = await run('--help');
    const commands = [...help.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name!);
    expect(commands).toEqual(
      expect.arrayContaining(['status', 'list', 'count', 'show', 'retry', 'cancel', 'discard', 'audit', 'migrate']),
    );
    const below = [
      'inbox list',
      'inbox show',
      'quarantine list',
      'quarantine show',
      'quarantine replay',
      'quarantine drop',
    ];
    for (const name of ['', ...commands, ...below]) {
      const { code, out } = await run(...name.split(' ').filter(Boolean), '--help');
      expect(code).toBe(0);
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });
});
