import { auditRig, type Rig, startRig } from '@tallystick/proof/rig';
import { Cleanup, connectTestPostgres, testBroker } from '@tallystick/services';

/** Enough that two relays claim from the same due rows hundreds of times. */
const MESSAGES = 8_000;
const AMOUNT = 7;

describe('two relays on one database', () => {
  const cleanup = new Cleanup();
  let rig: Rig;
  afterAll(() => cleanup.run());

  it(`send ${MESSAGES} messages that were recorded while nobody could: all of them, each completed once`, async () => {
    rig = cleanup.stopLater(
      await startRig({
        server: connectTestPostgres(),
        amqpUrl: await testBroker('relays'),
        relaysOnly: 2,
        start: false,
        // As in production: nothing is sent twice just because this machine is slow.
        options: { outbox: { lease: '30s', receiptWait: { first: '60s', max: '1h' } } },
      }),
    );
    const [recorder, consumer] = [rig.producers[0], rig.consumers[0]];
    await Promise.all([recorder.start(), consumer.start()]);
    const accounts = await Promise.all(Array.from({ length: 4 }, () => rig.openAccount(MESSAGES * AMOUNT)));
    const each = { amount: AMOUNT, count: MESSAGES / accounts.length, perTransaction: 500, concurrency: 1 };
    const recorded = await Promise.all(accounts.map((accountId) => rig.recordMany({ accountId, ...each })));
    expect(await statesInDatabase()).toEqual({ pending: MESSAGES });
    expect((await recorder.counters())['delivery.published']).toBeUndefined();

    await Promise.all(rig.relays.map((relay) => relay.start()));
    const begin = performance.now();
    await rig.settled({ timeoutMs: 900_000 });
    const seconds = (performance.now() - begin) / 1_000;

    expect(await statesInDatabase()).toEqual({ completed: MESSAGES });
    const acknowledged = recorded.flat().map(({ purchaseId }) => purchaseId);
    expect(await auditRig(rig, { acknowledged })).toEqual([]);
    const published = await Promise.all(
      rig.relays.map(async (relay) => (await relay.counters())['delivery.published']!),
    );
    for (const count of published) expect(count).toBeGreaterThan(0);
    expect(published[0]! + published[1]!).toBeGreaterThanOrEqual(MESSAGES);
    expect(await consumer.counters()).toMatchObject({ 'inbox.handled': MESSAGES });
    expect(rig.problems).toEqual([]);
    process.stdout.write(
      `${MESSAGES} messages, two relays: ${Math.round(MESSAGES / seconds)} completed per second ` +
        `(published by each: ${published.join(' and ')})\n`,
    );
  }, 1_200_000);

  async function statesInDatabase(): Promise<Record<string, number>> {
    const sql = 'select state, count(*)::int as count from outbox_delivery group by state';
    const rows = await rig.query<{ state: string; count: number }>('producer', sql);
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  }
});
