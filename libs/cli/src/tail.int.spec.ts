import type { Seen } from './database/questions';
import { KINDS, ServiceDatabase } from './service-database.fixture';
import { Changes } from './tail';
import { runTallystick } from './terminal.fixture';

describe('tail', () => {
  it.each(KINDS)('shows what is new and what changes, and ends when somebody stops it: on %s', async (kind) => {
    const database = await ServiceDatabase.create(kind, 'tail');
    const before = await database.delivery();
    const stopping = new AbortController();
    const seen: string[] = [];
    // What happens next is set off by what was seen: nothing is waited for by the clock.
    const steps: (() => Promise<unknown>)[] = [
      () => database.settle(seen[0]!.split(' ')[0]!),
      async () => stopping.abort(),
    ];
    const tailing = runTallystick(['tail', '--every', '10ms'], {
      env: { DATABASE_URL: database.url },
      stop: stopping.signal,
      onOut: (line) => {
        seen.push(line);
        void steps.shift()?.();
      },
      onSay: () => void database.delivery(),
    });
    expect(await tailing).toMatchObject({ code: 0, said: '1 deliveries are there; Ctrl-C ends this.' });
    expect(seen).toEqual([
      expect.stringMatching(/^\S{36} {2}order.requested → order-service {2}pending \(try 1\)$/),
      expect.stringMatching(/^\S{36} {2}order.requested → order-service {2}completed$/),
    ]);
    expect(seen.join()).not.toContain(before);
    await database.drop();
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
