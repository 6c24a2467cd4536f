import { randomUUID } from 'node:crypto';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { Changes, type Seen } from './tail';
import { runTallystick } from './terminal.fixture';

describe('tail', () => {
  it('shows what is new and what changes, and ends when somebody stops it', async () => {
    const url = await testDatabase('tail');
    await runTallystick(['migrate', '--database-url', url]);
    const database = new Client({ connectionString: url });
    await database.connect();
    const record = async (): Promise<string> => {
      const id = randomUUID();
      await database.query(
        `insert into outbox_message (id, aggregatetype, type, payload) values ($1, 'user-service', 'order.requested', '{}')`,
        [id],
      );
      await database.query(
        `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, next_at) values ($1, 'order-service', 'pending', 1, 'none', now())`,
        [id],
      );
      return id;
    };
    const before = await record();
    const stopping = new AbortController();
    const seen: string[] = [];
    // What happens next is set off by what was seen: nothing is waited for by the clock.
    const steps: (() => Promise<unknown>)[] = [
      () =>
        database.query(
          `update outbox_delivery set state = 'completed', verdict = 'accepted', next_at = null, settled_at = clock_timestamp() where message_id = $1`,
          [seen[0]!.split(' ')[0]],
        ),
      async () => stopping.abort(),
    ];
    const tailing = runTallystick(['tail', '--every', '10ms'], {
      env: { DATABASE_URL: url },
      stop: stopping.signal,
      onOut: (line) => {
        seen.push(line);
        void steps.shift()?.();
      },
      onSay: () => void record(),
    });
    expect(await tailing).toMatchObject({ code: 0, said: '1 deliveries are there; Ctrl-C ends this.' });
    expect(seen).toEqual([
      expect.stringMatching(/^\S{36} {2}order.requested → order-service {2}pending \(try 1\)$/),
      expect.stringMatching(/^\S{36} {2}order.requested → order-service {2}completed$/),
    ]);
    expect(seen.join()).not.toContain(before);
    await database.end();
    await connectTestPostgres().dropDatabase(url);
  });

  it('tells again what it has forgotten, and nothing twice', () => {
    const changes = new Changes();
    const delivery = (id: number): Seen => ({
      ...{ id: String(id), consumer: 'c', type: 't', service: 's', state: 'sent', attempts: 1, error: null },
    });
    expect(changes.among([delivery(0)])).toHaveLength(1);
    expect(changes.among([delivery(0)])).toHaveLength(0);
    changes.among(Array.from({ length: 20_000 }, (_, index) => delivery(index + 1)));
    expect(changes.among([delivery(0), delivery(20_000)])).toHaveLength(1);
  });
});
