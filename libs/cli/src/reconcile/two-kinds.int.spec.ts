import { randomUUID } from 'node:crypto';
import { Cleanup, findMariaDb, type MariaDbDatabaseServer } from '@tallystick/services';
import { type DatabaseKind, ServiceDatabase } from '../service-database.fixture';
import { type Run, runTallystick } from '../terminal.fixture';
import { idBefore } from './buckets';

const HOUR_MS = 3_600_000;

/** As the library makes them: the time, then what is random. */
const timedId = (ageMs: number): string =>
  idBefore(Date.now() - ageMs).slice(0, 14) + randomUUID().replace(/^.{14}4/, '7');

describe.each<[producer: DatabaseKind, consumer: DatabaseKind]>([
  ['PostgreSQL', 'MariaDB'],
  ['MariaDB', 'PostgreSQL'],
  ['MariaDB', 'MariaDB'],
])('reconcile, of a producer on %s and a consumer on %s', (producerKind, consumerKind) => {
  const cleanup = new Cleanup();
  let server: MariaDbDatabaseServer;
  let producer: ServiceDatabase;
  let consumer: ServiceDatabase;

  beforeAll(async () => {
    server = cleanup.stopLater(await findMariaDb({ install: true }));
    producer = await ServiceDatabase.create(producerKind, 'producer', server);
    consumer = await ServiceDatabase.create(consumerKind, 'consumer', server);
    for (const type of ['order.requested', 'user.registered']) await consumer.handler('order-service', type);
    for (let hour = 1; hour <= 40; hour++) {
      const [id, ageMs] = [timedId(hour * HOUR_MS), hour * HOUR_MS];
      const announced = hour % 10 === 0;
      const rejected = hour % 7 === 0 && !announced;
      await producer.delivery({
        ...{ id, ageMs },
        state: announced ? 'delivered' : rejected ? 'compensated' : 'completed',
        ...(announced && { consumer: '*', type: 'user.registered' }),
      });
      await consumer.inbox({ id, ageMs, ...(rejected && { verdict: 'rejected', reason: '{}' }) });
    }
  });
  afterAll(async () => {
    await producer.drop();
    await consumer.drop();
    await cleanup.run();
  });

  const run = (...more: string[]): Promise<Run> =>
    runTallystick(['reconcile', '--producer', producer.url, '--consumer', consumer.url, ...more]);

  it('finds no difference where there is none, without reading a row', async () => {
    expect(await run()).toMatchObject({
      code: 0,
      out: 'user-service → order-service: 40 verdicts and 40 inbox rows, no difference.',
    });
  });

  it('finds every difference, and no other', async () => {
    const [forgotten, unknown, contradiction, unheard] = [1, 2, 3, 4].map((hour) => timedId(hour * HOUR_MS));
    const untimed = '9d6bb1ad-5b4c-4f2c-8d5a-1c7e6a0d3f11';
    await producer.delivery({ id: forgotten!, state: 'completed', ageMs: HOUR_MS });
    await consumer.inbox({ id: unknown!, ageMs: HOUR_MS });
    await producer.delivery({ id: contradiction!, state: 'completed', ageMs: HOUR_MS });
    await consumer.inbox({ id: contradiction!, verdict: 'rejected', reason: '{}', ageMs: HOUR_MS });
    await producer.delivery({ id: unheard!, state: 'sent', ageMs: HOUR_MS });
    await consumer.inbox({ id: unheard!, ageMs: HOUR_MS });
    await consumer.inbox({ id: untimed, ageMs: HOUR_MS });
    // These are on their way, or so young that nobody knows: no difference.
    await producer.delivery({ id: timedId(0), state: 'sent' });
    const young = timedId(60_000);
    await producer.delivery({ id: young, state: 'sent', ageMs: 60_000 });
    await consumer.inbox({ id: young, ageMs: 60_000 });

    const { code, out, said } = await run('--json');
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('compared') });
    const { examples } = JSON.parse(out) as { examples: { kind: string; id: string }[] };
    expect(Object.fromEntries(examples.map(({ kind, id }) => [id, kind]))).toEqual({
      [forgotten!]: 'forgotten',
      [unknown!]: 'unknown',
      [contradiction!]: 'contradiction',
      [unheard!]: 'unheard',
      [untimed]: 'unknown',
    });
  });
});
