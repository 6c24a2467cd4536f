import { connectTestPostgres, testBroker, testDatabase, until } from '@tallystick/services';
import { InvalidMessageError } from '@tallystick/outbox';
import { connect } from 'amqplib';
import { BoxOffice, SeatSold, Service } from './box-office.fixture';
import { HalfMessageInTransactionError, HalfMessageNotStoredError, HalfMessageRuledOutError } from './errors';
import type { HalfMessage } from './half-message';

describe('A half message', () => {
  let urls: string[];
  let amqpUrl: string;
  let office: BoxOffice;
  let service: Service;

  beforeAll(async () => {
    urls = await Promise.all([testDatabase('legacy'), testDatabase('outbox')]);
    amqpUrl = await testBroker('half');
    office = await BoxOffice.open(urls[0]!);
    service = await Service.start(office, { databaseUrl: urls[1]!, amqpUrl });
  });
  afterAll(async () => {
    await service.stop();
    await office.legacy.destroy();
    for (const url of urls) await connectTestPostgres().dropDatabase(url);
  });
  const ways = { check: (half: HalfMessage) => office.barrier.check(half), onParked: (): void => {} };
  beforeEach(async () => {
    Object.assign(office.ways, ways);
    await office.legacy.query('truncate seat');
    service.printer.printed.length = 0;
  });

  /** Nothing of this test is asked about any more; then what was going to be printed is. */
  async function decided(): Promise<void> {
    await until('every half message is decided', async () => (await service.undecided()) === 0, { timeoutMs: 30_000 });
  }
  const printed = (...seats: number[]): Promise<void> =>
    until(`seats ${seats.join(', ')} are printed`, () =>
      Promise.resolve(seats.every((seat) => service.printer.printed.includes(seat))),
    );

  it('becomes visible when its work is committed: once, whatever is asked later', async () => {
    const { result } = await service.halfMessages.run(SeatSold, { seat: 1 }, async (half) => {
      await office.sell(1, half);
      return 'sold';
    });
    expect(result).toBe('sold');
    await printed(1);
    await decided();
    expect(service.printer.printed).toEqual([1]);
  });

  it('stays invisible for good when its work fails', async () => {
    const asked = jest.fn();
    office.ways.check = async (half) => {
      const answer = await ways.check(half);
      asked(answer);
      return answer;
    };
    const work = service.halfMessages.run(SeatSold, { seat: 2 }, (half) =>
      office.sell(2, half, () => Promise.reject(new Error('the card was refused'))),
    );
    await expect(work).rejects.toThrow('the card was refused');
    await until('it was asked about', () => Promise.resolve(asked.mock.calls.length > 0));
    expect(asked.mock.calls).toEqual([['rolled back']]);
    await decided();
    expect(service.printer.printed).toEqual([]);
    expect(await office.sold()).toEqual([]);
  });

  it('becomes visible by a check when nobody is left to show it after the commit', async () => {
    const gone = service.halfMessages.run(SeatSold, { seat: 3 }, async (half) => {
      await office.sell(3, half);
      throw new Error('the process died here');
    });
    await expect(gone).rejects.toThrow('died');
    await printed(3);
    await decided();
    expect(service.printer.printed).toEqual([3]);
  });

  it('waits for a transaction that takes longer than its first pauses', async () => {
    let asked = 0;
    office.ways.check = async (half) => {
      const answer = await ways.check(half);
      asked += 1;
      return answer;
    };
    await service.halfMessages.run(SeatSold, { seat: 4 }, (half) =>
      office.sell(4, half, () => until('it was asked about twice', () => Promise.resolve(asked >= 2))),
    );
    await printed(4);
    await decided();
    expect(service.printer.printed).toEqual([4]);
  });

  describe('whose work begins only after it was asked about', () => {
    /** @returns what came of the work, whose process dies when it has committed */
    async function late(seat: number): Promise<unknown> {
      let asked = false;
      const { check } = office.ways;
      office.ways.check = async (half) => {
        const answer = await check(half);
        asked = true;
        return answer;
      };
      const run = service.halfMessages.run(SeatSold, { seat }, async (half) => {
        await until('it was asked about', () => Promise.resolve(asked));
        await office.sell(seat, half);
        throw new Error('the process died here');
      });
      const came: unknown = await run.catch((error: unknown) => error);
      await decided();
      return came;
    }

    it('is ruled out: the work runs into the barrier', async () => {
      expect(await late(5)).toBeInstanceOf(HalfMessageRuledOutError);
      expect(await office.sold()).toEqual([]);
      expect(service.printer.printed).toEqual([]);
    });

    it('would be lost if "not found" meant "rolled back": the seat is sold, and nobody gets a ticket', async () => {
      office.ways.check = async ({ id }) => {
        const found = await office.legacy.query<unknown[]>('select from half_message_barrier where id = $1', [id]);
        return found.length > 0 ? 'committed' : 'rolled back';
      };
      expect(String(await late(6))).toContain('died');
      expect(await office.sold()).toEqual([6]);
      expect(service.printer.printed).toEqual([]);
    });
  });

  it('is parked for a person when nobody ever knows, and goes on when he has mended that', async () => {
    const parked = new Promise<{ code: string }>((resolve) => (office.ways.onParked = resolve));
    office.ways.check = () => Promise.reject(new Error('the legacy database is away'));
    const gone = service.halfMessages.run(SeatSold, { seat: 7 }, async (half) => {
      await office.sell(7, half);
      throw new Error('the process died here');
    });
    await expect(gone).rejects.toThrow('died');
    expect(await parked).toMatchObject({ code: 'NOT_KNOWN' });
    expect(service.printer.printed).toEqual([]);

    office.ways.check = ways.check;
    expect(await service.halfMessages.recheckParked()).toBe(1);
    await printed(7);
    expect(await service.halfMessages.recheckParked()).toBe(0);
  });

  it('is not stored where its content breaks the contract, and the work is not begun', async () => {
    const work = jest.fn();
    await expect(service.halfMessages.run(SeatSold, { seat: 1.5 }, work)).rejects.toThrow(InvalidMessageError);
    expect(work).not.toHaveBeenCalled();
  });

  it('is not begun inside a transaction, which could still roll back when it is visible', async () => {
    const work = jest.fn();
    const run = service.transactions.run(() => service.halfMessages.run(SeatSold, { seat: 10 }, work));
    await expect(run).rejects.toThrow(HalfMessageInTransactionError);
    expect(work).not.toHaveBeenCalled();
  });

  it('is not stored where no queue would keep it, and the work is not begun', async () => {
    const connection = await connect(amqpUrl);
    const channel = await connection.createChannel();
    await channel.unbindQueue('box-office.half.300ms', 'tallystick.half', 'box-office.300ms');
    const work = jest.fn();
    try {
      const run = service.halfMessages.run(SeatSold, { seat: 8 }, work);
      await expect(run).rejects.toThrow(HalfMessageNotStoredError);
      await expect(run).rejects.toThrow('no queue is bound');
      expect(work).not.toHaveBeenCalled();
    } finally {
      await channel.bindQueue('box-office.half.300ms', 'tallystick.half', 'box-office.300ms');
      await connection.close();
    }
  });

  it('is kept in queues that were declared with another delivery limit, before the broker was upgraded perhaps', async () => {
    const url = await testBroker('half-limited');
    const connection = await connect(url);
    const channel = await connection.createChannel();
    const limited = { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 50 } };
    await channel.assertQueue('box-office.half-parked', limited);
    await connection.close();
    office.ways.check = () => Promise.resolve('not known yet');
    const parked = new Promise<{ code: string }>((resolve) => (office.ways.onParked = resolve));
    const other = await Service.start(office, { databaseUrl: urls[1]!, amqpUrl: url });
    try {
      await other.halfMessages.ready();
      const dies = other.halfMessages.run(SeatSold, { seat: 9 }, () =>
        Promise.reject(new Error('the process died here')),
      );
      await expect(dies).rejects.toThrow('died');
      expect(await parked).toMatchObject({ code: 'NOT_KNOWN' });
    } finally {
      await other.stop();
    }
  });

  it('that is garbage is parked, and disturbs nobody', async () => {
    const connection = await connect(amqpUrl);
    const channel = await connection.createChannel();
    try {
      channel.publish('tallystick.half-checks', 'box-office', Buffer.from('garbage'));
      await until('it is parked', async () => (await channel.checkQueue('box-office.half-parked')).messageCount === 1);
      await service.halfMessages.run(SeatSold, { seat: 9 }, (half) => office.sell(9, half));
      await printed(9);
      // Nor does it stand in the way of what else is parked; and it is still there for whoever wants to see it.
      expect(await service.halfMessages.recheckParked()).toBe(0);
      await until(
        'it is parked again',
        async () => (await channel.checkQueue('box-office.half-parked')).messageCount === 1,
      );
      await channel.purgeQueue('box-office.half-parked');
    } finally {
      await connection.close();
    }
  });
});
