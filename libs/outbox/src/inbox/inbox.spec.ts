import { IsInt } from 'class-validator';
import { MessageRejected } from '../errors';
import { OutboxMessage } from '../message/contract';
import type { CancelEnvelope, MessageEnvelope } from '../message/envelope';
import type { Receipt } from '../message/receipt';
import type { BoundHandler, MessageContext } from '../ports/handlers';
import type { Reaction } from '../ports/transport';
import { InMemory } from '../testing/in-memory.fixture';
import { Inbox } from './inbox';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {
  @IsInt()
  quantity!: number;
}

const DAY = 86_400_000;
const ID = '0190e0c0-0000-7000-8000-000000000001';

describe('the inbox', () => {
  let at: InMemory;
  let inbox: Inbox;
  let handle: (message: object, context: MessageContext) => Promise<unknown>;
  let handled: number;

  beforeEach(() => {
    at = new InMemory();
    handled = 0;
    handle = async () => ({ orderId: 'o-1' });
    const handler: BoundHandler = {
      ...{ type: 'order.requested', contract: OrderRequested, kind: 'request', concurrency: 1, timeoutMs: 1_000 },
      ...{ where: 'Orders.create', groupCommit: 1 },
      handle: (message, context) => {
        handled++;
        return handle(message, context);
      },
    };
    const handlers = {
      handler: (type: string) => (type === handler.type ? handler : undefined),
      handlers: () => [handler],
      followUp: () => undefined,
      followUps: () => [],
    };
    inbox = new Inbox(
      { ...at, store: at.store.inbox, handlers },
      { service: 'order-service', horizonMs: 14 * DAY, lockTimeoutMs: 1_000 },
    );
  });

  function message(
    more: Partial<MessageEnvelope['message']> & Partial<Pick<MessageEnvelope, 'deadlineAt'>> = {},
  ): MessageEnvelope {
    const { deadlineAt, ...changed } = more;
    const recordedAt = new Date(at.database.now()).toISOString();
    const one = {
      id: ID,
      type: 'order.requested',
      source: 'user-service',
      key: undefined,
      payload: '{"quantity":1}',
      headers: {},
      recordedAt,
    };
    return { kind: 'message', message: { ...one, ...changed }, attempt: 1, deadlineAt, replyTo: 'user-service' };
  }
  const cancel = (): CancelEnvelope =>
    ({
      ...{
        kind: 'cancel',
        messageId: ID,
        source: 'user-service',
        recordedAt: new Date(at.database.now()).toISOString(),
      },
      ...{ attempt: 1, replyTo: 'user-service', reason: { code: 'CANCELLED' }, trace: undefined },
    }) as CancelEnvelope;
  function receiptIn(reaction: Reaction): Receipt {
    if (reaction.kind !== 'answer') throw new Error(`no receipt, but ${reaction.kind}`);
    return reaction.receipt;
  }
  const receive = async (envelope: MessageEnvelope | CancelEnvelope): Promise<Receipt> =>
    receiptIn(await inbox.receive(envelope));

  it('gives one verdict, once: every copy is answered with that of the first', async () => {
    const first = await receive(message());
    expect(first).toMatchObject({ verdict: 'accepted', result: { orderId: 'o-1' }, consumer: 'order-service' });
    expect(await receive({ ...message(), attempt: 2 })).toEqual({ ...first, attempt: 2 });
    expect(handled).toBe(1);
  });

  it('stores a rejection, with its reason, after what the handler did was undone (R4)', async () => {
    handle = async (_, { manager }) => {
      await (manager as { statement(work: () => Promise<void>): Promise<void> }).statement(async () => undefined);
      throw new MessageRejected('OUT_OF_STOCK', { left: 0 });
    };
    expect(await receive(message())).toMatchObject({
      verdict: 'rejected',
      reason: { code: 'OUT_OF_STOCK', details: { left: 0 } },
    });
    expect(await receive(message())).toMatchObject({ verdict: 'rejected' });
    expect(handled).toBe(1);
  });

  it('calls a failure no verdict: it leaves no trace, and the next copy is handled (R12)', async () => {
    handle = async () => {
      throw new Error('the stock is not reachable');
    };
    expect(await receive(message())).toMatchObject({
      verdict: 'deferred',
      reason: { message: 'Error: the stock is not reachable' },
    });
    handle = async () => undefined;
    expect(await receive(message())).toMatchObject({ verdict: 'accepted' });
  });

  it('rejects what begins after its deadline, without the handler', async () => {
    expect(await receive(message({ deadlineAt: new Date(at.database.now() - 1).toISOString() }))).toMatchObject({
      verdict: 'rejected',
      reason: { code: 'DEADLINE' },
    });
    expect(handled).toBe(0);
  });

  it('does not execute what is older than the horizon, and says that it cannot know any more (R9)', async () => {
    const old = message({ recordedAt: new Date(at.database.now() - 15 * DAY).toISOString() });
    expect(await receive(old)).toMatchObject({ verdict: 'unprocessable', reason: { code: 'EXPIRED' } });
    expect(handled).toBe(0);
  });

  it('takes no other message for the one it knows by that id', async () => {
    await receive(message());
    expect(await receive(message({ payload: '{"quantity":2}' }))).toMatchObject({
      verdict: 'unprocessable',
      reason: { code: 'ID_COLLISION' },
    });
  });

  it('cannot process what it has no handler for, or what breaks its contract; a verdict given before counts all the same', async () => {
    expect(await receive(message({ type: 'order.amended' }))).toMatchObject({ reason: { code: 'UNKNOWN_TYPE' } });
    expect(await receive(message({ payload: '{"quantity":"two"}' }))).toMatchObject({
      reason: { code: 'INVALID_PAYLOAD' },
    });
    await receive(cancel());
    expect(await receive(message({ payload: '{"quantity":"two"}' }))).toMatchObject({ verdict: 'rejected' });
  });

  it('lets a cancel that comes first decide: the message, whenever it comes, is answered with that (R8)', async () => {
    expect(await receive(cancel())).toMatchObject({ verdict: 'rejected', reason: { code: 'CANCELLED' } });
    expect(await receive(message())).toMatchObject({ verdict: 'rejected', reason: { code: 'CANCELLED' } });
    expect(handled).toBe(0);
  });

  it('answers a cancel that comes second with the verdict that stands', async () => {
    await receive(message());
    expect(await receive(cancel())).toMatchObject({ verdict: 'accepted' });
  });

  it('answers while the database fails: not yet', async () => {
    at.failure = new Error('the database is away');
    expect(await receive(message())).toMatchObject({ verdict: 'deferred' });
    expect(handled).toBe(0);
  });
});
