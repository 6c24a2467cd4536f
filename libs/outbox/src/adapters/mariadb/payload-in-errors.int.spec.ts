import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { CONSUMER, newMessage, SOURCE } from '../../testing/store-contract-scenario';
import { MariaDbFixture } from './mariadb.fixture';

const CANARY = 'IBAN-AT611904300234573201';
const CLAIM = { limit: 10, leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source: SOURCE };

/** Errors end in logs. mysql2 writes values into the text of a statement, and that text onto the error. */
describe('The error of a failed statement', () => {
  let fixture: MariaDbFixture;

  beforeAll(async () => {
    fixture = await MariaDbFixture.start();
  });
  afterAll(() => fixture.stop());
  beforeEach(() => fixture.empty());

  async function told(work: Promise<unknown>): Promise<string> {
    const error: unknown = await work.then(
      () => 'it did not fail',
      (reason: unknown) => reason,
    );
    return inspect(error, { depth: 9 });
  }

  it('of an add does not hold the payload, nor does its cause', async () => {
    const message = newMessage({ payload: JSON.stringify({ account: CANARY }) });
    const add = (): Promise<unknown> => fixture.transactions.run((tx) => fixture.outbox.add(tx, [message]));
    await add();
    const text = await told(add());
    expect(text).toContain('[cause]');
    expect(text).toContain('ER_DUP_ENTRY');
    expect(text).not.toContain(CANARY);
  });

  it('of a mark does not hold what was to be written', async () => {
    const { delivery } = fixture.tables;
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    const { deliveries } = await fixture.outbox.claim({ ...CLAIM, leaseToken: randomUUID() });
    const [{ messageId, leaseToken }] = deliveries as [(typeof deliveries)[number]];
    const mark = { kind: 'retry', waitMs: 0, code: 'REFUSED', error: `REFUSED: ${CANARY}` } as const;
    await fixture.dataSource.query(`alter table ${delivery} add constraint no_error check (last_error is null)`);
    const text = await told(fixture.outbox.mark([{ messageId, consumer: CONSUMER, leaseToken, mark }]));
    await fixture.dataSource.query(`alter table ${delivery} drop constraint no_error`);
    expect(text).toContain('no_error');
    expect(text).not.toContain(CANARY);
  });
});
