import { type ContractClass, MessageRejected, OutboxMessage } from '@tallystick/outbox';
import type {
  BatchHandler,
  BoundFollowUp,
  BoundHandler,
  HandlerRegistry,
  MemoryTransaction,
  SingleHandler,
} from '@tallystick/outbox/testing';
import type { SimulatedProcess } from './process';

/** A shop: user-service takes the money and asks for an order, order-service takes the goods or says no. */
export const USERS = 'user-service';
export const ORDERS = 'order-service';
export type Service = typeof USERS | typeof ORDERS;
export const SKUS = ['plenty', 'scarce', 'unheard-of'] as const;
/** Most messages that share a transaction. */
const GROUP = 6;
type MessageContext = Parameters<SingleHandler['handle']>[1];
export const OPENING_CENTS = 100_000;
export const OPENING_STOCK: Readonly<Partial<Record<(typeof SKUS)[number], number>>> = { plenty: 1_000, scarce: 3 };

abstract class OrderFields {
  readonly purchaseId!: string;
  readonly userId!: string;
  readonly sku!: string;
  readonly quantity!: number;
}

export const IN_LINE = 'order.in-line';
/** In the same line: a receipt closes it with others, and takes the next one with it. */
export const CASUALLY_IN_LINE = 'order.casually-in-line';
export const isInLine = (type: string): boolean => type === IN_LINE || type === CASUALLY_IN_LINE;
/** Nobody waits for its success. */
export const isCasual = (type: string): boolean => type === 'order.casual' || type === CASUALLY_IN_LINE;
const ASKS = { to: ORDERS, key: 'userId' } as const;

/** The contract says what must run; of the others only user-service knows, and its old version does not. */
@OutboxMessage({ ...ASKS, type: 'order.requested', followUp: 'both' })
class OrderRequested extends OrderFields {}
@OutboxMessage({ ...ASKS, type: 'order.urgent', deadline: '20s' })
class UrgentOrder extends OrderFields {}
/** Nobody waits for its success: such rows are closed in batches. */
@OutboxMessage({ ...ASKS, type: 'order.casual' })
class CasualOrder extends OrderFields {}
/** Two consumers, two verdicts: each is paid and refunded for itself. */
@OutboxMessage({ ...ASKS, type: 'order.shared', to: [ORDERS, USERS] })
class SharedOrder extends OrderFields {}
/** Only the last version of order-service understands it: poison, until then. */
@OutboxMessage({ ...ASKS, type: 'order.puzzling' })
class PuzzlingOrder extends OrderFields {}
/** One after another, by user. */
@OutboxMessage({ ...ASKS, type: IN_LINE, ordered: true })
class OrderInLine extends OrderFields {}
@OutboxMessage({ ...ASKS, type: CASUALLY_IN_LINE, ordered: true })
class CasualOrderInLine extends OrderFields {}
@OutboxMessage({ type: 'order.placed' })
class OrderPlaced {
  readonly purchaseId!: string;
}

export const ORDER_CONTRACTS: Readonly<Record<string, ContractClass<OrderFields>>> = {
  'order.requested': OrderRequested,
  'order.urgent': UrgentOrder,
  'order.casual': CasualOrder,
  'order.shared': SharedOrder,
  'order.puzzling': PuzzlingOrder,
  [IN_LINE]: OrderInLine,
  [CASUALLY_IN_LINE]: CasualOrderInLine,
};

export function consumersOf(type: string): readonly Service[] {
  return type === 'order.shared' ? [ORDERS, USERS] : [ORDERS];
}

export interface Account {
  readonly cents: number;
  /** How many purchases of the user were to be in order, committed before or in this transaction. */
  readonly inLine?: number;
}
export interface Purchase extends OrderFields {
  readonly messageId: string;
  readonly type: string;
  /** For each consumer. */
  readonly cents: number;
  /** Its place among the committed purchases of its user that are to be in order. */
  readonly place?: number;
  /** How often each follow-up took effect, by consumer. */
  readonly completions: Readonly<Partial<Record<string, number>>>;
  readonly refunds: Readonly<Partial<Record<string, number>>>;
}
export interface Stock {
  readonly quantity: number;
}
/** An order, counted instead of made unique: the inbox alone must keep it from happening twice. */
export interface Effect extends OrderFields {
  readonly messageId: string;
  readonly times: number;
  /** Its place among the committed effects of its user that are to be in order. */
  readonly arrived?: number;
}

/** An order that user-service was told of. */
export interface Heard {
  readonly purchaseId: string;
  readonly times: number;
}

/** Which handlers a process has. `old` serves the queues but has no code for them; `new` knows puzzles, too. */
export type Version = 'old' | 'current' | 'new';

export function handlersOf(process: SimulatedProcess): HandlerRegistry {
  const handlers =
    process.service === ORDERS ? orderHandlers(process) : [placedHandler(process), pointsHandler(process)];
  const followUps = process.service === USERS ? orderFollowUps(process) : [];
  const knows = (type: string): boolean =>
    process.version === 'new' || (process.version === 'current' && type !== 'order.puzzling');
  const known = process.version === 'old' ? [] : followUps;
  return {
    handlers: () => handlers,
    handler: (type) => handlers.find((handler) => handler.type === type && knows(type)),
    followUp: (type, verdict) => known.find((found) => found.type === type && found.verdict === verdict),
    followUps: () => known,
  };
}

function orderHandlers(process: SimulatedProcess): BoundHandler[] {
  const create = (message: object, { messageId, manager }: MessageContext): Promise<unknown> =>
    createOrder(process, manager as MemoryTransaction, messageId, message as OrderFields);
  const createInLine = async (message: object, context: MessageContext): Promise<unknown> => {
    const result = await create(message, context);
    await arrive(context.manager as MemoryTransaction, context.messageId, message as OrderFields);
    return result;
  };
  return Object.entries(ORDER_CONTRACTS).map(([type, contract]) => {
    const handle = isInLine(type) ? createInLine : create;
    const limits = {
      type,
      contract,
      kind: 'request',
      timeoutMs: process.handlerTimeoutMs,
      where: 'Orders.create',
    } as const;
    // One transaction at a time, so that groups gather.
    switch (process.sharing) {
      case 'none':
        return { ...limits, concurrency: 2, groupCommit: 1, handle };
      case 'group':
        return { ...limits, concurrency: GROUP, groupCommit: GROUP, handle };
      case 'auto':
        return { ...limits, concurrency: GROUP, groupCommit: 'auto', handle };
      case 'batch':
        return { ...limits, concurrency: GROUP, batch: GROUP, handle: inOneCall(handle) };
      default:
        return process.sharing satisfies never;
    }
  });
}

function inOneCall(create: (message: object, context: MessageContext) => Promise<unknown>): BatchHandler['handle'] {
  return async (messages, contexts) => {
    const results: unknown[] = [];
    for (const [index, message] of messages.entries()) results.push(await create(message, contexts[index]!));
    return results;
  };
}

async function takeEffect(transaction: MemoryTransaction, messageId: string, order: OrderFields): Promise<void> {
  const effects = transaction.table<Effect>('effects');
  if (await effects.insert(messageId, { ...order, messageId, times: 1 })) return;
  await effects.update(messageId, (effect) => ({ ...effect, times: effect.times + 1 }));
}

/** The counter is locked to the end of the transaction, so places are in the order of the commits. */
async function arrive(transaction: MemoryTransaction, messageId: string, { userId }: OrderFields): Promise<void> {
  const arrivals = transaction.table<{ count: number }>('arrivals');
  await arrivals.insert(userId, { count: 0 });
  let arrived = 0;
  await arrivals.update(userId, ({ count }) => ({ count: (arrived = count + 1) }));
  await transaction.table<Effect>('effects').update(messageId, (effect) => ({ ...effect, arrived }));
}

async function createOrder(
  process: SimulatedProcess,
  transaction: MemoryTransaction,
  messageId: string,
  order: OrderFields,
): Promise<unknown> {
  const { purchaseId, sku, quantity } = order;
  await takeEffect(transaction, messageId, order);
  await process.misbehave('handler');
  const stock = transaction.table<Stock>('stock');
  const left = await stock.lock(sku);
  // The effect is written by now: a rejection must take it back.
  if (!left) throw new MessageRejected('UNKNOWN_SKU');
  if (left.quantity < quantity) throw new MessageRejected('OUT_OF_STOCK', { left: left.quantity });
  await stock.put(sku, { quantity: left.quantity - quantity });
  if (process.announces) await process.runtime.outbox.add(OrderPlaced, { purchaseId });
  return { orderId: purchaseId };
}

/** user-service gives points for shared orders, but not for large ones. */
function pointsHandler(process: SimulatedProcess): BoundHandler {
  return {
    type: 'order.shared',
    contract: SharedOrder,
    kind: 'request',
    concurrency: 2,
    groupCommit: 1,
    timeoutMs: process.handlerTimeoutMs,
    where: 'Points.grant',
    handle: async (message, { messageId, manager }) => {
      await takeEffect(manager as MemoryTransaction, messageId, message as OrderFields);
      await process.misbehave('handler');
      if ((message as OrderFields).quantity > 1) throw new MessageRejected('TOO_LARGE');
    },
  };
}

/** user-service hears of every order that was placed. */
function placedHandler(process: SimulatedProcess): BoundHandler {
  return {
    type: 'order.placed',
    contract: OrderPlaced,
    kind: 'announcement',
    concurrency: 1,
    groupCommit: 1,
    timeoutMs: process.handlerTimeoutMs,
    where: 'Purchases.heard',
    handle: async (message, { messageId, manager }) => {
      const { purchaseId } = message as OrderPlaced;
      const heard = (manager as MemoryTransaction).table<Heard>('heard');
      if (await heard.insert(messageId, { purchaseId, times: 1 })) return;
      await heard.update(messageId, (row) => ({ ...row, times: row.times + 1 }));
    },
  };
}

function orderFollowUps(process: SimulatedProcess): BoundFollowUp[] {
  const all = Object.entries(ORDER_CONTRACTS).flatMap(([type, contract]): BoundFollowUp[] => [
    {
      type,
      contract,
      verdict: 'accepted',
      where: 'Purchases.complete',
      run: async (message, { manager, consumer }) => {
        const { purchaseId } = message as OrderFields;
        await (manager as MemoryTransaction).table<Purchase>('purchases').update(purchaseId, (purchase) => ({
          ...purchase,
          completions: oneMore(purchase.completions, consumer),
        }));
        await process.misbehave('follow-up');
      },
    },
    {
      type,
      contract,
      verdict: 'rejected',
      where: 'Purchases.refund',
      run: async (message, { manager, consumer }) => {
        const transaction = manager as MemoryTransaction;
        const { purchaseId, userId } = message as OrderFields;
        const purchases = transaction.table<Purchase>('purchases');
        const { cents } = (await purchases.lock(purchaseId))!;
        const accounts = transaction.table<Account>('accounts');
        await accounts.update(userId, (account) => ({ cents: account.cents + cents }));
        await process.misbehave('follow-up');
        await purchases.update(purchaseId, (purchase) => ({
          ...purchase,
          refunds: oneMore(purchase.refunds, consumer),
        }));
      },
    },
  ]);
  return all.filter(({ type, verdict }) => !isCasual(type) || verdict === 'rejected');
}

function oneMore(counts: Purchase['refunds'], consumer: string): Purchase['refunds'] {
  return { ...counts, [consumer]: (counts[consumer] ?? 0) + 1 };
}
