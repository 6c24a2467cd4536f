import { PostgresFixture } from './postgres.fixture';

const NOW = 'clock_timestamp()';
/** Columns of a delivery as it should not be. */
const IMPOSSIBLE: [string, Record<string, string>][] = [
  ['an unknown state', { state: 'lost', next_at: NOW }],
  ['an unknown verdict', { state: 'answered', next_at: NOW, verdict: 'perhaps' }],
  ['a final row that was never settled', { state: 'delivered' }],
  ['an open row that is settled', { state: 'pending', next_at: NOW, settled_at: NOW }],
  ['a parked row that is settled', { state: 'parked', settled_at: NOW }],
  ['an open row nobody will look at', { state: 'sent' }],
  ['a final row that is due', { state: 'delivered', settled_at: NOW, next_at: NOW }],
  ['a parked row that is due', { state: 'parked', next_at: NOW }],
  ['an answer without a verdict', { state: 'answered', next_at: NOW }],
  ['a completed row without a verdict', { state: 'completed', settled_at: NOW }],
  ['a pending row with a verdict', { state: 'pending', next_at: NOW, verdict: 'accepted' }],
  ['a sent row with a verdict', { state: 'sent', next_at: NOW, verdict: 'accepted' }],
  ['a cancelling row with a verdict', { state: 'cancelling', next_at: NOW, verdict: 'accepted' }],
  ['a delivered row with a verdict', { state: 'delivered', settled_at: NOW, verdict: 'accepted' }],
  ['a completed rejection', { state: 'completed', settled_at: NOW, verdict: 'rejected' }],
  ['a compensated acceptance', { state: 'compensated', settled_at: NOW, verdict: 'accepted' }],
  ['a leased parked row', { state: 'parked', lease_token: 'gen_random_uuid()' }],
  ['a leased final row', { state: 'delivered', settled_at: NOW, lease_token: 'gen_random_uuid()' }],
  ['two columns in one', { state: 'sent: due' }],
];
const POSSIBLE: [string, Record<string, string>][] = [
  ['a pending row', { state: 'pending', next_at: NOW }],
  ['a leased row', { state: 'sent', next_at: NOW, lease_token: 'gen_random_uuid()' }],
  ['an answer', { state: 'answered', next_at: NOW, verdict: 'rejected' }],
  ['a parked row without a verdict', { state: 'parked' }],
  ['a parked row with a verdict', { state: 'parked', verdict: 'rejected' }],
  ['a discarded row with a late verdict', { state: 'discarded', settled_at: NOW, verdict: 'accepted' }],
];

describe('The tables', () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  afterAll(() => fixture.stop());

  const insert = (row: Record<string, string>): Promise<unknown> => {
    const columns = { follow_up: 'none', ...row };
    const expressions = Object.values(columns).map((value) => (value.endsWith('()') ? value : `'${value}'`));
    return fixture.owner.query(
      `insert into outbox_delivery (message_id, consumer, attempts, ${Object.keys(columns).join(', ')})
       values (gen_random_uuid(), 'order-service', 0, ${expressions.join(', ')})`,
    );
  };

  it.each(IMPOSSIBLE)('refuse %s', async (_, row) => {
    await expect(insert(row)).rejects.toMatchObject({ code: '23514', constraint: 'outbox_delivery_legal' });
  });

  it('refuse an unknown follow-up', async () => {
    await expect(insert({ state: 'pending', next_at: NOW, follow_up: 'maybe' })).rejects.toMatchObject({
      code: '23514',
      constraint: 'outbox_delivery_legal',
    });
  });

  it.each(POSSIBLE)('take %s', async (_, row) => {
    await insert(row);
  });

  it('refuse an inbox row whose verdict and reason do not fit', async () => {
    const store = (verdict: string, reason: string): Promise<unknown> =>
      fixture.owner.query(
        `insert into inbox_message (consumer, message_id, verdict, reason, source)
         values ('order-service', gen_random_uuid(), '${verdict}', ${reason}, 'user-service')`,
      );
    await expect(store('deferred', 'null')).rejects.toMatchObject({ constraint: 'inbox_message_verdict' });
    await expect(store('rejected', 'null')).rejects.toMatchObject({ constraint: 'inbox_message_verdict' });
    await expect(store('accepted', `'{"code":"X"}'`)).rejects.toMatchObject({ constraint: 'inbox_message_verdict' });
  });
});
