import { randomUUID } from 'node:crypto';
import { until } from '@tallystick/services';
import type { EntityManager } from 'typeorm';
import { MessageRejected } from '../../errors';
import { Inbox } from '../../inbox/inbox';
import { IsInt } from 'class-validator';
import { OutboxMessage } from '../../message/contract';
import type { MessageEnvelope } from '../../message/envelope';
import type { OutboxEvent } from '../../message/events';
import type { BoundHandler, HandlerRegistry, MessageContext } from '../../ports/handlers';
import type { Reaction } from '../../ports/transport';
import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { PostgresFixture } from './postgres.fixture';

@OutboxMessage({ type: 'effect.requested', to: 'order-service' })
class EffectRequested {
  @IsInt() size!: number;
}

type Work = (manager: EntityManager, messageId: string) => Promise<unknown>;
const DAY = 86_400_000;

/** Every way in which messages share a transaction, of at most four. */
const WAYS = ['groupCommit: 4', "groupCommit: 'auto'", 'batch: 4'] as const;
type Way = (typeof WAYS)[number];

/** Several messages in one transaction, in a real database: whatever goes wrong, each has one effect and one verdict. */
describe.each(WAYS)('messages in one transaction, %s', (way) => {
  let database: PostgresFixture;
  let work: Work;
  let events: OutboxEvent[];
  /** How many messages each call of the handler had. */
  let calls: number[];

  beforeAll(async () => {
    database = await PostgresFixture.start();
    await database.owner.query(
      `create table effect (message_id uuid not null, transaction bigint not null, unique (message_id) deferrable initially deferred)`,
    );
  });
  afterAll(() => database.stop());
  beforeEach(async () => {
    await database.empty();
    await database.owner.query('truncate effect');
    work = async () => undefined;
    events = [];
    calls = [];
  });

  /** One process of the service. */
  function inbox({ timeoutMs = 10_000 } = {}): Inbox {
    const handler = { ...handlerOf(way), timeoutMs };
    const handlers: HandlerRegistry = {
      handler: () => handler,
      handlers: () => [handler],
      followUp: () => undefined,
      followUps: () => [],
    };
    return new Inbox(
      {
        store: database.inbox,
        transactions: database.transactions,
        handlers,
        clock: new SystemClock(),
        random: new SystemRandom(),
        monitor: { record: (event) => events.push(event) },
      },
      { service: 'order-service', horizonMs: 7 * DAY, lockTimeoutMs: 5_000 },
    );
  }

  function handlerOf(way: Way): BoundHandler {
    const handle = async (_: object, { messageId, manager }: MessageContext): Promise<unknown> => {
      const tx = manager as EntityManager;
      await tx.query('insert into effect select $1, pg_current_xact_id()::text::bigint', [messageId]);
      return work(tx, messageId);
    };
    const limits = { type: 'effect.requested', contract: EffectRequested, kind: 'request', concurrency: 12 } as const;
    const described = { ...limits, timeoutMs: 10_000, where: 'Effects.create' };
    const one = async (message: object, context: MessageContext): Promise<unknown> => {
      calls.push(1);
      return handle(message, context);
    };
    if (way === 'groupCommit: 4') return { ...described, groupCommit: 4, handle: one };
    if (way === "groupCommit: 'auto'") return { ...described, groupCommit: 'auto', handle: one };
    return {
      ...described,
      batch: 4,
      handle: async (messages, contexts) => {
        calls.push(messages.length);
        const results: unknown[] = [];
        for (const [index, message] of messages.entries()) results.push(await handle(message, contexts[index]!));
        return results;
      },
    };
  }

  const messages = (count: number): MessageEnvelope[] => Array.from({ length: count }, () => messageOf(randomUUID()));
  const receive = (to: Inbox, envelopes: readonly MessageEnvelope[]): Promise<Reaction[]> =>
    Promise.all(envelopes.map((envelope) => to.receive(envelope)));
  const effects = (): Promise<{ message_id: string; transaction: string }[]> =>
    database.owner.query('select message_id, transaction from effect order by message_id');
  const verdicts = async (): Promise<Record<string, number>> => {
    const rows: { verdict: string; count: number }[] = await database.owner.query(
      'select verdict, count(*)::int as count from inbox_message group by verdict',
    );
    return Object.fromEntries(rows.map(({ verdict, count }) => [verdict, count]));
  };

  it('handles a burst in few transactions, and answers each message', async () => {
    const burst = messages(12);
    const reactions = await receive(inbox(), burst);
    expect(reactions.map(verdictOf)).toEqual(Array(12).fill('accepted'));
    const committed = await effects();
    expect(committed.map(({ message_id }) => message_id)).toEqual(burst.map(({ message }) => message.id).sort());
    const transactions = new Set(committed.map(({ transaction }) => transaction)).size;
    // Auto and arrays: the first one went at once.
    expect(transactions).toBe({ 'groupCommit: 4': 3, "groupCommit: 'auto'": 2, 'batch: 4': 4 }[way]);
    expect(calls.toSorted()).toEqual(way === 'batch: 4' ? [1, 3, 4, 4] : Array(12).fill(1));
    expect(events.map(({ event }) => event)).toEqual(Array(12).fill('inbox.handled'));
  });

  it('answers each with its own result, and keeps it', async () => {
    work = async (_, messageId) => ({ of: messageId });
    const [known, ...burst] = messages(5);
    const process = inbox();
    await process.receive(known!);
    const reactions = await receive(process, [known!, ...burst]);
    const results = reactions.map((reaction) => reaction.kind === 'answer' && reaction.receipt);
    expect(results).toMatchObject(
      [known!, ...burst].map(({ message: { id } }) => ({ messageId: id, result: { of: id } })),
    );
    const strangers = await database.owner.query(`select from inbox_message where result->>'of' <> message_id::text`);
    expect(strangers).toEqual([]);
  });

  it('never shows an invalid payload to the handler', async () => {
    const [first, second, ...rest] = messages(5);
    const invalid = { ...second!, message: { ...second!.message, payload: '{"size":"big"}' } };
    const reactions = await receive(inbox(), [first!, invalid, ...rest]);
    expect(reactions.map(verdictOf)).toEqual(['accepted', 'unprocessable', 'accepted', 'accepted', 'accepted']);
    expect(calls.reduce((sum, count) => sum + count)).toBe(4);
  });

  it('lets a rejection undo the group, and then only its own message', async () => {
    const burst = messages(4);
    work = async (_, messageId) => {
      if (messageId === burst[2]!.message.id) throw new MessageRejected('OUT_OF_STOCK');
    };
    const reactions = await receive(inbox(), burst);
    expect(reactions.map(verdictOf)).toEqual(['accepted', 'accepted', 'rejected', 'accepted']);
    expect(await effects()).toHaveLength(3);
    expect(await verdicts()).toEqual({ accepted: 3, rejected: 1 });
    expect(events).toContainEqual(expect.objectContaining({ event: 'inbox.group-undone', cause: 'rejected' }));
  });

  it('lets a commit that is refused undo the group, and then only its own message', async () => {
    const burst = messages(4);
    const twice = burst[1]!.message.id;
    work = async (manager, messageId) => {
      if (messageId === twice) await manager.query('insert into effect values ($1, 0)', [messageId]);
    };
    const reactions = await receive(inbox(), burst);
    expect(reactions.map(verdictOf)).toEqual(['accepted', 'deferred', 'accepted', 'accepted']);
    expect(await effects()).toHaveLength(3);
    expect(await verdicts()).toEqual({ accepted: 3 });
  });

  it('does not take a statement that failed unnoticed for success', async () => {
    const burst = messages(4);
    const careless = burst[0]!.message.id;
    work = async (manager, messageId) => {
      if (messageId === careless) await manager.query('select 1 / 0').catch(() => undefined);
    };
    const reactions = await receive(inbox(), burst);
    expect(reactions.map(verdictOf)).toEqual(['deferred', 'accepted', 'accepted', 'accepted']);
    expect(await effects()).toHaveLength(3);
  });

  it('survives the loss of its connection between two members', async () => {
    let lost = false;
    work = async (manager) => {
      if (lost) return;
      lost = true;
      await manager.query('select pg_terminate_backend(pg_backend_pid())');
    };
    const reactions = await receive(inbox(), messages(4));
    expect(reactions.map(verdictOf)).toEqual(Array(4).fill('accepted'));
    expect(await effects()).toHaveLength(4);
  });

  it('answers a second copy in the same group from the row of the first', async () => {
    const [message] = messages(1);
    const reactions = await receive(inbox(), [message!, message!, message!]);
    expect(reactions.map(verdictOf)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await effects()).toHaveLength(1);
    const told = events.map(({ event }) => event).filter((event) => event !== 'inbox.group-undone');
    expect(told.sort()).toEqual(['inbox.handled', 'inbox.replayed', 'inbox.replayed']);
  });

  it('replays, refuses and rejects what is no work for a group, each for itself', async () => {
    const known = messageOf(randomUUID());
    const process = inbox();
    await process.receive(known);
    const old = messageOf(randomUUID(), { recordedAt: new Date(Date.now() - 8 * DAY).toISOString() });
    const late = { ...messageOf(randomUUID()), deadlineAt: new Date(Date.now() - 60_000).toISOString() };
    const reactions = await receive(process, [known, old, late, messageOf(randomUUID())]);
    expect(reactions.map(verdictOf)).toEqual(['accepted', 'unprocessable', 'rejected', 'accepted']);
    expect(await effects()).toHaveLength(2);
  });

  it('lets two processes take the same messages in opposite order, and handles each once', async () => {
    const burst = messages(24);
    const answers = new Map<string, string[]>();
    const process = async (envelopes: MessageEnvelope[]): Promise<void> => {
      const reactions = await receive(inbox(), envelopes);
      envelopes.forEach(({ message }, index) => {
        answers.set(message.id, [...(answers.get(message.id) ?? []), verdictOf(reactions[index]!)]);
      });
    };
    await Promise.all([process(burst), process([...burst].reverse())]);
    expect([...answers.values()].flat().filter((verdict) => verdict !== 'accepted' && verdict !== 'silence')).toEqual(
      [],
    );
    expect([...answers.values()].filter((verdicts) => !verdicts.includes('accepted'))).toEqual([]);
    expect(await effects()).toHaveLength(24);
  });

  it('gives every call its own time, and each message a call of its own if it was not enough for all', async () => {
    // Enough for two, on a busy machine for one.
    work = (manager) => manager.query('select pg_sleep(0.4)');
    const reactions = await receive(inbox({ timeoutMs: 1_000 }), messages(4));
    expect(reactions.map(verdictOf)).toEqual(Array(4).fill('accepted'));
    expect(calls.sort()).toEqual(way === 'batch: 4' ? [1, 1, 1, 1, 3] : [1, 1, 1, 1]);
    expect(await effects()).toHaveLength(4);
  });

  it('gives back the lock timeout of the application', async () => {
    const seen: unknown[] = [];
    work = async (manager) => void seen.push((await manager.query('show lock_timeout'))[0].lock_timeout);
    await receive(inbox(), messages(3));
    expect(seen).toEqual(['0', '0', '0']);
    await until('nothing is left open', async () => (await openTransactions()) === 0);
  });

  async function openTransactions(): Promise<number> {
    const [row] = await database.owner.query(
      `select count(*)::int as count from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'`,
    );
    return row.count;
  }
});

function messageOf(id: string, { recordedAt = new Date().toISOString() } = {}): MessageEnvelope {
  const { type, source } = { type: 'effect.requested', source: 'user-service' };
  return {
    kind: 'message',
    message: { id, type, source, key: undefined, payload: '{"size":1}', headers: {}, recordedAt },
    attempt: 1,
    deadlineAt: undefined,
    replyTo: source,
  };
}

function verdictOf(reaction: Reaction): string {
  return reaction.kind === 'answer' ? reaction.receipt.verdict : reaction.kind;
}
