import { randomUUID } from 'node:crypto';
import { connectTestPostgres, testBroker, testDatabase, until } from '@tallystick/services';
import { connect } from 'amqplib';
import { BoxOffice, SeatSold, Service } from '../../../half-message/src/box-office.fixture';
import { type Run, runTallystick } from '../terminal.fixture';

const QUEUE = 'box-office.half-parked';

/** Of a service that runs: what it parks is looked at, and what is retried it is asked about. */
describe('halves', () => {
  let urls: string[];
  let amqpUrl: string;
  let office: BoxOffice;
  let service: Service;

  beforeAll(async () => {
    urls = await Promise.all([testDatabase('legacy'), testDatabase('outbox')]);
    amqpUrl = await testBroker('halves');
    office = await BoxOffice.open(urls[0]!);
    service = await Service.start(office, { databaseUrl: urls[1]!, amqpUrl });
    await service.halfMessages.ready();
  });
  afterAll(async () => {
    await service.stop();
    await office.legacy.destroy();
    for (const url of urls) await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(() => onBroker((channel) => channel.purgeQueue(QUEUE)));

  async function onBroker<T>(
    work: (channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createConfirmChannel']>>) => Promise<T>,
  ): Promise<T> {
    const connection = await connect(amqpUrl);
    try {
      const channel = await connection.createConfirmChannel();
      const result = await work(channel);
      await channel.waitForConfirms();
      return result;
    } finally {
      await connection.close();
    }
  }

  const parked = (): Promise<number> => onBroker(async (channel) => (await channel.checkQueue(QUEUE)).messageCount);

  /** As the service parks it. */
  async function park(headers: object, payload = '{"seat":1}'): Promise<string> {
    const messageId = randomUUID();
    await onBroker(async (channel) => {
      const properties = { messageId, type: 'seat.sold', persistent: true, headers };
      channel.publish('tallystick.half-parked', 'box-office', Buffer.from(payload), properties);
    });
    return messageId;
  }

  const run = (command: string, ...more: string[]): Promise<Run> =>
    runTallystick(['halves', command, ...more, '--service', 'box-office'], { env: { AMQP_URL: amqpUrl } });

  /** The seat is sold, the process dies, and nobody can say so. @returns the id of the half message */
  async function soldInSilence(seat: number): Promise<string> {
    const code = new Promise<string>((resolve) => (office.ways.onParked = ({ id }) => resolve(id)));
    office.ways.check = () => Promise.reject(new Error('the legacy database is away'));
    const work = service.halfMessages.run(SeatSold, { seat }, async (half) => {
      await office.sell(seat, half);
      throw new Error('the process died here');
    });
    await expect(work).rejects.toThrow('died');
    const id = await code;
    office.ways.check = (half) => office.barrier.check(half);
    return id;
  }

  it('shows what the service has parked, and why, and leaves it there', async () => {
    const id = await soldInSilence(21);
    const { code, out } = await run('list');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^# +half message +type +parked because +asked +age$/),
      expect.stringMatching(new RegExp(`^1 +${id} +seat.sold +NOT_KNOWN +4 +\\d+ s$`)),
    ]);
    expect((await run('show', id)).out).toMatch(/^parked +NOT_KNOWN\nasked +4 times\n.*^payload +\{"seat":21\}$/ms);
    expect(JSON.parse((await run('show', '1', '--json')).out)).toMatchObject([
      { position: 1, id, type: 'seat.sold', code: 'NOT_KNOWN', checks: 3, body: '{"seat":21}' },
    ]);
    expect(await parked()).toBe(1);
  });

  it('lets the service be asked again at once: what was committed becomes visible, and nothing is parked any more', async () => {
    const id = await soldInSilence(22);
    expect(service.printer.printed).not.toContain(22);
    expect(await run('retry', id, '--yes')).toMatchObject({ code: 0, out: '1 changed, 0 refused' });
    await until('the ticket is printed', () => Promise.resolve(service.printer.printed.includes(22)));
    expect(await parked()).toBe(0);
  });

  it('asks about nothing that is no half message, nor about one so old that nobody remembers whether it was shown', async () => {
    await park({ 'tallystick-checks': 0, 'tallystick-born': 0, 'tallystick-parked': 'TOO_OLD' });
    await park({});
    const { code, said } = await run('retry', '1', '2', '--yes');
    expect(code).toBe(1);
    expect(said).toMatch(/older than maxAge.*--even-old.*it is no half message/s);
    expect(await parked()).toBe(2);
    expect(await run('retry', '1', '--even-old', '--yes')).toMatchObject({ code: 0 });
    await until('one is left', async () => (await parked()) === 1);
  });

  it('keeps what there is nobody to be asked about', async () => {
    const key = 'box-office';
    await park({ 'tallystick-checks': 0, 'tallystick-born': 1, 'tallystick-parked': 'NOT_KNOWN' });
    await onBroker((channel) => channel.unbindQueue('box-office.half-checks', 'tallystick.half-checks', key));
    const { code, said } = await run('retry', '1', '--yes');
    await onBroker((channel) => channel.bindQueue('box-office.half-checks', 'tallystick.half-checks', key));
    expect({ code, said }).toEqual({
      code: 1,
      said: expect.stringContaining('no queue is bound for tallystick.half-checks box-office'),
    });
    expect(await parked()).toBe(1);
  });

  it('throws away only what was named, once somebody has said yes', async () => {
    const headers = { 'tallystick-checks': 3, 'tallystick-born': 1, 'tallystick-parked': 'NOT_KNOWN' };
    const [one, other] = [await park(headers), await park(headers)];
    expect(await run('drop', one)).toMatchObject({
      code: 1,
      said: expect.stringContaining('Throw away 1 half message? Not done'),
    });
    expect(await run('drop', one, '--yes')).toMatchObject({ code: 0, out: '1 changed, 0 refused' });
    expect((await run('list')).out).toContain(other);
    expect(await parked()).toBe(1);
  });

  it('says so when nothing is parked, and when there is no such service', async () => {
    expect(await run('list')).toMatchObject({ code: 1, said: 'No half message is parked.' });
    const nobody = await runTallystick(['halves', 'list', '--service', 'nobody'], { env: { AMQP_URL: amqpUrl } });
    expect(nobody.said).toContain("no queue 'nobody.half-parked'");
  });
});
