import { randomUUID } from 'node:crypto';
import { TimeIsOverError } from '../concurrency/time-out';
import { MessageRejected } from '../errors';
import { OutboxMessage } from '../message/contract';
import { conversationHeaders } from '../message/conversation';
import { CAUSATION_HEADER, type MessageEnvelope } from '../message/envelope';
import { payloadHash } from '../message/payload';
import type { BatchHandler, BoundHandler, MessageContext, SingleHandler } from '../ports/handlers';
import { InMemory } from '../testing/in-memory.fixture';
import type { Interference, MemoryClient, Moment } from '../testing/memory/memory-database';
import { MemoryDatabaseError } from '../testing/memory/memory-database-error';
import type { MemoryTransaction } from '../testing/memory/memory-transaction';
import { MemoryStore } from '../testing/memory/memory-store';
import { MemoryTransactions } from '../testing/memory/memory-transactions';
import { type Executable, Execution, type GroupOutcome } from './execution';

const TYPE = 'order.requested';

@OutboxMessage({ type: TYPE, to: 'order-service' })
class OrderRequested {}

const LIMITS = {
  ...({ type: TYPE, contract: OrderRequested, kind: 'request', concurrency: 8, timeoutMs: 5_000 } as const),
  where: 'Orders.create',
};

/** Writes an order through the transaction it was given. */
const order = async ({ manager, messageId }: MessageContext): Promise<void> =>
  void (await (manager as MemoryTransaction).table('orders').insert(messageId, { messageId }));

describe('the execution of a message', () => {
  let at: InMemory;
  let execution: Execution;
  let anotherProcess: Execution;
  let handle: SingleHandler['handle'];
  /** What happens at the moments of a transaction. */
  let interfere: Interference;
  let errors: unknown[];

  beforeEach(() => {
    at = new InMemory();
    handle = async (_, context) => order(context);
    interfere = () => {};
    errors = [];
    execution = on(at.database.connect((moment) => interfere(moment)));
    anotherProcess = on(at.database.connect());
  });

  const on = (client: MemoryClient): Execution =>
    new Execution(
      {
        store: new MemoryStore(client).inbox,
        transactions: new MemoryTransactions(client),
        clock: at.clock,
        monitor: { record: (event, error) => void (at.events.push(event), errors.push(error)) },
      },
      { service: 'order-service', horizonMs: 86_400_000, lockTimeoutMs: 1_000 },
    );
  const single: SingleHandler = { ...LIMITS, groupCommit: 8, handle: (message, context) => handle(message, context) };

  function executable(
    more: { id?: string; payload?: object; handler?: BoundHandler; deadlineAt?: string } = {},
  ): Executable {
    const { id = randomUUID(), payload = {}, handler = single, deadlineAt } = more;
    const recordedAt = new Date(at.database.now()).toISOString();
    const text = JSON.stringify(payload);
    const source = 'user-service';
    const envelope: MessageEnvelope = {
      ...{ kind: 'message', attempt: 1, deadlineAt, replyTo: source },
      message: { id, type: TYPE, source, key: undefined, payload: text, headers: {}, recordedAt },
    };
    const key = { consumer: 'order-service', source, messageId: id };
    const message = { ...key, type: TYPE, recordedAt, deadlineAt, payloadHash: payloadHash(TYPE, text) };
    return { envelope, message, handler, payload };
  }
  const passing = (ms: number) => new Promise<void>((resolve) => at.clock.schedule(ms, resolve));
  const orders = (): number => at.database.rows('orders').length;
  const conflict = new MemoryDatabaseError('40001', 'lost against another transaction');
  /** Fails at this moment, so many times. */
  function failing(moment: Moment, error: Error, times = 1): void {
    let left = times;
    interfere = (here) => {
      if (here === moment && left-- > 0) throw error;
    };
  }

  describe('alone', () => {
    it('commits what the handler wrote and its verdict together', async () => {
      expect(await execution.alone(executable())).toMatchObject({ kind: 'verdict', row: { verdict: 'accepted' } });
      expect(orders()).toBe(1);
    });

    it('leaves nothing of either when the commit is refused for good, and never rejects', async () => {
      const error = new MemoryDatabaseError('23514', 'a check at the end of the transaction');
      failing('commit', error);
      const one = executable();
      expect(await execution.alone(one)).toEqual({ kind: 'deferred', error });
      expect(orders()).toBe(0);
      expect(await execution.alone(one)).toMatchObject({ kind: 'verdict', replayed: false });
    });

    it('runs again at once what lost against another transaction, and puts it off if it loses every time', async () => {
      failing('commit', conflict, 2);
      expect(await execution.alone(executable())).toMatchObject({ kind: 'verdict', replayed: false });
      failing('commit', conflict, 3);
      expect(await execution.alone(executable())).toEqual({ kind: 'deferred', error: conflict });
      expect(orders()).toBe(1);
    });

    it('looks before it runs again when the answer to COMMIT was lost: what was done is not done twice', async () => {
      failing('committed', Object.assign(new Error('read-only since a failover'), { code: '25006' }));
      expect(await execution.alone(executable())).toMatchObject({ kind: 'verdict', replayed: true });
      expect(orders()).toBe(1);
    });

    it('lets a copy wait for the first one, and answers it with that one’s verdict (R2)', async () => {
      handle = async (_, context) => {
        await passing(900);
        await order(context);
      };
      const one = executable();
      const both = Promise.all([execution.alone(one), execution.alone(one)]);
      await at.clock.advance(900);
      expect(await both).toMatchObject([{ replayed: false }, { kind: 'verdict', replayed: true }]);
      expect(orders()).toBe(1);
    });

    it('leaves it to the first one to answer when a copy has waited for too long (R12)', async () => {
      handle = () => new Promise(() => {});
      const one = executable();
      void execution.alone(one);
      const [copy, cancel] = [execution.alone(one), execution.reject(one.message, { code: 'CANCELLED' })];
      await at.clock.advance(1_000);
      expect(await Promise.all([copy, cancel])).toEqual([{ kind: 'twin' }, { kind: 'twin' }]);
    });

    it('ends when the time of its handler is over, and says which option that was', async () => {
      let signal!: AbortSignal;
      handle = (_, context) => {
        signal = context.signal;
        return order(context).then(() => new Promise(() => {}));
      };
      const outcome = execution.alone(executable());
      await at.clock.advance(5_000);
      expect(await outcome).toMatchObject({ kind: 'deferred', error: expect.any(TimeIsOverError) });
      expect((signal.reason as Error).message).toBe(
        'Orders.create took longer than 5000 ms (`timeout` of its @MessageHandler, else `handlerTimeout`)',
      );
      expect(orders()).toBe(0);
    });

    it('is the cause of what is added meanwhile', async () => {
      let headers: Record<string, string> = {};
      handle = async () => void (headers = conversationHeaders());
      const one = executable();
      await execution.alone(one);
      expect(headers[CAUSATION_HEADER]).toBe(one.message.messageId);
    });

    it('counts also when what the handler returned cannot travel: it says so, and the result is missing', async () => {
      handle = async (_, context) => {
        await order(context);
        return { n: 1n };
      };
      expect(await execution.alone(executable())).toMatchObject({ row: { verdict: 'accepted', result: undefined } });
      expect(orders()).toBe(1);
      expect(at.told('inbox.result-dropped')).toMatchObject([
        { problem: expect.stringMatching(/^the result .*BigInt/) },
      ]);
    });

    it('rejects also with a reason that cannot travel: it says so, and gives another', async () => {
      handle = () => Promise.reject(new MessageRejected('', { n: 1n }));
      expect(await execution.alone(executable())).toMatchObject({
        row: { verdict: 'rejected', reason: { code: 'UNSPECIFIED', details: { omitted: expect.any(String) } } },
      });
      expect(at.told('inbox.reason-replaced')).toMatchObject([{ problem: expect.stringContaining('BigInt') }]);
    });
  });

  describe('that is rejected', () => {
    it('finds the verdict of whoever decided between the rollback and now, and lets it stand (R4)', async () => {
      const one = executable();
      handle = () => Promise.reject(new MessageRejected('OUT_OF_STOCK'));
      let begun = 0;
      interfere = async (moment) => {
        if (moment !== 'begin' || ++begun !== 2) return;
        handle = async (_, context) => order(context);
        await anotherProcess.alone(one);
      };
      const standing = { kind: 'verdict', replayed: true, row: { verdict: 'accepted' } };
      expect(await execution.alone(one)).toMatchObject(standing);
    });

    it('is put off when the rejection cannot be stored: nobody is told before it is', async () => {
      const error = new Error('the disk is full');
      handle = async () => {
        failing('begin', error);
        throw new MessageRejected('OUT_OF_STOCK');
      };
      const one = executable();
      expect(await execution.alone(one)).toEqual({ kind: 'deferred', error });
      handle = async (_, context) => order(context);
      expect(await execution.alone(one)).toMatchObject({ row: { verdict: 'accepted' }, replayed: false });
    });
  });

  describe('together with others', () => {
    const verdictsOf = (outcome: GroupOutcome, members: readonly Executable[]): unknown[] => {
      if (outcome.kind !== 'committed') throw new Error('they were undone');
      return members.map((member) => outcome.outcomes.get(member));
    };

    it('is handled in one transaction, in the order in which they came', async () => {
      const transactions = new Set<unknown>();
      const seen: unknown[] = [];
      handle = async (message, context) => {
        transactions.add(context.manager);
        seen.push(message);
        return { made: (message as { n: number }).n };
      };
      const [a, b, c] = ['c', 'a', 'b'].map((letter, n) =>
        executable({ id: `${letter.repeat(8)}-0000-7000-8000-000000000000`, payload: { n } }),
      ) as [Executable, Executable, Executable];
      const outcome = await execution.together([a, b, c]);

      expect(transactions.size).toBe(1);
      expect(seen).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
      expect(verdictsOf(outcome, [a, b, c])).toMatchObject([0, 1, 2].map((made) => ({ row: { result: { made } } })));
    });

    it('leaves out who is known, or too late: they go alone', async () => {
      const [known, fresh] = [executable(), executable()];
      const late = executable({ deadlineAt: new Date(at.database.now() - 1).toISOString() });
      await execution.alone(known);
      const outcome = await execution.together([known, late, fresh]);
      expect(verdictsOf(outcome, [known, late, fresh])).toMatchObject([undefined, undefined, { kind: 'verdict' }]);
      expect(orders()).toBe(2);
    });

    it('is done once for two copies: the second is left out, and will find the row of the first', async () => {
      const [first, second] = [executable(), executable()];
      const copy = { ...second, message: first.message };
      expect(verdictsOf(await execution.together([first, copy]), [first, copy])).toMatchObject([
        { kind: 'verdict' },
        undefined,
      ]);
      expect(orders()).toBe(1);
    });

    it.each([
      ['rejected', new MessageRejected('OUT_OF_STOCK'), false, undefined],
      ['contention', conflict, true, undefined],
      ['failed', new Error('the stock is not reachable'), false, new Error('the stock is not reachable')],
    ])(
      'is undone with all others when one is %s, without a verdict for any',
      async (cause, error, contention, thrown) => {
        const members = [executable(), executable()];
        let handled = 0;
        handle = async (_, context) => {
          await order(context);
          if (++handled === 2) throw error;
        };
        expect(await execution.together(members)).toEqual({ kind: 'failed', contention });
        expect(orders()).toBe(0);
        expect(at.told('inbox.group-undone')).toMatchObject([{ cause, members: 2, type: TYPE }]);
        // Whose fault it was, who goes alone will say.
        expect(errors).toEqual([thrown]);
      },
    );

    it('waits for a twin in progress less long than alone: all of them would wait', async () => {
      const one = executable();
      handle = () => new Promise(() => {});
      void execution.alone(one);
      const outcome = execution.together([executable(), one]);
      await at.clock.advance(250);
      expect(await outcome).toEqual({ kind: 'failed', contention: true });
    });

    it('says how long the handler took, without the rest of the transaction', async () => {
      handle = () => passing(30);
      interfere = (moment) => (moment === 'commit' ? passing(500) : undefined);
      await at.clock.advance(70);
      const outcome = execution.together([executable(), executable()]);
      await at.clock.advance(560);
      expect(await outcome).toMatchObject({ kind: 'committed', workMs: 60 });
    });

    describe('of a handler that takes arrays', () => {
      let calls: { messages: readonly object[]; ids: string[]; headers: Record<string, string> }[];
      const batch: BatchHandler = {
        ...{ ...LIMITS, batch: 8 },
        handle: async (messages, contexts) => {
          calls.push({
            ...{ messages, ids: contexts.map(({ messageId }) => messageId), headers: conversationHeaders() },
          });
          return messages.map((message) => ({ made: (message as { n: number }).n }));
        },
      };
      beforeEach(() => void (calls = []));

      it('is one of those that one call takes, and has its own context and result', async () => {
        const members = [1, 2].map((n) => executable({ payload: { n }, handler: batch }));
        const outcome = await execution.together(members);
        expect(calls).toMatchObject([
          { messages: [{ n: 1 }, { n: 2 }], ids: members.map(({ message }) => message.messageId) },
        ]);
        expect(verdictsOf(outcome, members)).toMatchObject([1, 2].map((made) => ({ row: { result: { made } } })));
      });

      it('is a cause only if it is the only one', async () => {
        await execution.together([1, 2].map((n) => executable({ payload: { n }, handler: batch })));
        const only = executable({ payload: { n: 3 }, handler: batch });
        await execution.alone(only);
        expect(calls.map(({ headers }) => headers[CAUSATION_HEADER])).toEqual([undefined, only.message.messageId]);
      });
    });

    it('calls no handler if nobody is left', async () => {
      const known = executable();
      await execution.alone(known);
      handle = () => Promise.reject(new Error('it was called'));
      expect(await execution.together([known])).toMatchObject({ kind: 'committed', outcomes: new Map() });
    });
  });
});
