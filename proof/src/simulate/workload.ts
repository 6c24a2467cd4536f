import type { MemoryTransaction } from '@tallystick/outbox/testing';
import {
  type Account,
  isInLine,
  ORDER_CONTRACTS,
  ORDERS,
  type Purchase,
  consumersOf,
  type Service,
  SKUS,
  USERS,
} from './business';
import type { SimulatedProcess } from './process';
import type { World } from './world';

/** How long a caller waits for a process that may have died. */
const PATIENCE_MS = 30_000;
const TRIES = 4;

type Manner = 'plain' | 'rolled back' | 'foreign transaction' | 'with a savepoint' | 'delayed';
const MANNERS: readonly Manner[] = [
  'plain',
  'plain',
  'rolled back',
  'foreign transaction',
  'with a savepoint',
  'delayed',
];

interface Wish {
  readonly number: number;
  readonly purchaseId: string;
  readonly userId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly cents: number;
  readonly type: string;
  readonly manner: Manner;
}

/** In a rush all buy the same at nearly the same moment: only then do messages meet, in a claim, a batch or a group. */
const RUSH_CHANCE = 0.5;
const RUSH_MS = 20;

/** The people around the system: they buy, change their minds, and look after what is parked. */
export class Workload {
  /** Wishes whose buyer has not been told yes, nor has given up. */
  private readonly shopping = new Set<number>();

  constructor(private readonly world: World) {}

  /** Nobody will buy anything any more. */
  get isOver(): boolean {
    return this.shopping.size === 0;
  }

  /** Schedules a few purchases within the given time or in a rush, some of them with a change of mind. */
  begin(withinMs: number): void {
    const { random, time, scale } = this.world;
    const purchases = scale.purchases.least + random.below(scale.purchases.choices);
    const rush = random.chance(RUSH_CHANCE);
    const rushed = random.pick(scale.rushedTypes);
    for (let number = 1; number <= purchases; number++) {
      this.shopping.add(number);
      const wish = this.wish(number);
      const buy = rush ? { ...wish, type: rushed } : wish;
      time.schedule(random.below(rush ? RUSH_MS : withinMs), () => this.buy(buy, TRIES));
    }
  }

  /** Looks after parked rows now and again. */
  operate(everyMs: number): void {
    this.world.time.schedule(everyMs, () => {
      for (const service of [USERS, ORDERS] as const)
        this.fire('operator', service, (process) => this.lookAfterParked(process));
      this.operate(everyMs);
    });
  }

  private wish(number: number): Wish {
    const { random, journal, scale } = this.world;
    const purchaseId = random.id();
    journal.name(purchaseId, `p${number}`);
    const quantity = 1 + random.below(2);
    return {
      number,
      purchaseId,
      userId: random.pick(scale.users),
      sku: random.pick([SKUS[0], ...SKUS]),
      quantity,
      cents: 100 * quantity + random.below(100),
      type: random.pick(scale.types),
      manner: random.pick(MANNERS),
    };
  }

  /** The buyer repeats an order whose outcome is unknown; the business table recognises it. */
  private buy(wish: Wish, tries: number): void {
    const { random, time, journal } = this.world;
    const messageId = random.id();
    journal.name(messageId, `m${wish.number}.${TRIES - tries + 1}`);
    this.fire(
      'buyer',
      USERS,
      async (process) => {
        await purchase(process, wish, messageId);
        this.shopping.delete(wish.number);
        if (random.chance(0.2)) await process.runtime.outbox.waitForVerdict(messageId).catch(() => undefined);
        if (random.chance(0.2)) time.schedule(random.below(20_000), () => this.changeMind(messageId));
      },
      () => {
        if (tries > 1) time.schedule(1_000, () => this.buy(wish, tries - 1));
        else this.shopping.delete(wish.number);
      },
    );
  }

  private changeMind(messageId: string): void {
    this.fire('buyer', USERS, (process) => process.runtime.outbox.cancel(messageId, { reason: 'changed my mind' }));
  }

  private async lookAfterParked(process: SimulatedProcess): Promise<void> {
    const { operations, outbox } = process.runtime;
    const { random, healed } = this.world;
    for (const { messageId, consumer: to, code, type } of await operations.find('state:parked')) {
      // Nothing more can be learnt from the other side: a case for the books. Where others wait for it, it is closed.
      if (healed && code === 'EXPIRED') {
        if (isInLine(type)) await operations.discard(messageId, 'operator', { to }).catch(() => undefined);
        continue;
      }
      const choice = healed ? 0 : random.below(10);
      if (choice < 6) await operations.retry(messageId, { to }).catch(() => undefined);
      else if (choice < 8) await outbox.cancel(messageId, { to, reason: 'operator' }).catch(() => undefined);
      else await operations.discard(messageId, 'operator', { to }).catch(() => undefined);
    }
  }

  /** Asks some process of a service; it may fail, or die and never answer. */
  private fire(
    who: string,
    service: Service,
    ask: (process: SimulatedProcess) => Promise<unknown>,
    onFailure = (): void => {},
  ): void {
    const { journal, time } = this.world;
    const process = this.world.anyProcess(service);
    if (!process) return onFailure();
    let answered = false;
    const fail = (why: string): void => {
      if (answered) return;
      answered = true;
      journal.write(who, `failed at ${process.name}: ${why}`);
      onFailure();
    };
    time.schedule(PATIENCE_MS, () => fail('no answer'));
    process.clock.schedule(0, () => {
      ask(process).then(
        () => (answered = true),
        (error: unknown) => fail(String(error)),
      );
    });
  }
}

class ChangedMyMind extends Error {}

/** What a service method does: the money and the message, in one transaction. */
async function purchase(process: SimulatedProcess, wish: Wish, messageId: string): Promise<void> {
  const { transactions, client } = process;
  switch (wish.manner) {
    case 'foreign transaction':
      return client.transaction((transaction) => record(process, transaction, wish, messageId));
    case 'rolled back':
      return transactions
        .run(async (transaction) => {
          await record(process, transaction, wish, messageId);
          throw new ChangedMyMind('the transaction is rolled back');
        })
        .catch((error: unknown) => {
          if (!(error instanceof ChangedMyMind)) throw error;
        });
    case 'with a savepoint':
      return transactions.run(async (transaction) => {
        await record(process, transaction, wish, messageId);
        await ghost(process, transaction, wish);
      });
    case 'plain':
    case 'delayed':
      return transactions.run((transaction) => record(process, transaction, wish, messageId));
    default:
      return wish.manner satisfies never;
  }
}

async function record(
  process: SimulatedProcess,
  manager: MemoryTransaction,
  { number: _, cents, type, manner, ...wish }: Wish,
  id: string,
): Promise<void> {
  const fresh = { ...wish, messageId: id, type, cents, completions: {}, refunds: {} };
  const purchases = manager.table<Purchase>('purchases');
  if (!(await purchases.insert(wish.purchaseId, fresh))) return;
  const account = manager.table<Account>('accounts');
  const delay = manner === 'delayed' ? 5_000 : 0;
  const add = () => process.runtime.outbox.add(ORDER_CONTRACTS[type]!, wish, { manager, id, delay });
  // First, so that only the library keeps two of a key apart; the account's lock then says who commits first.
  if (isInLine(type)) await add();
  let place: number | undefined;
  await account.update(wish.userId, ({ inLine = 0, ...before }) => {
    place = isInLine(type) ? inLine + 1 : undefined;
    return { inLine: place ?? inLine, cents: before.cents - cents * consumersOf(type).length };
  });
  if (!isInLine(type)) await add();
  else await purchases.update(wish.purchaseId, (purchase) => ({ ...purchase, place }));
}

/** A message recorded in a part that is rolled back alone: it must never be seen again (R15). */
async function ghost(process: SimulatedProcess, transaction: MemoryTransaction, wish: Wish): Promise<void> {
  const { purchaseId, userId } = wish;
  const part = transaction.savepoint(async () => {
    const fields = { purchaseId, userId, sku: SKUS[0], quantity: 1 };
    await process.runtime.outbox.add(ORDER_CONTRACTS['order.requested']!, fields, { manager: transaction });
    throw new ChangedMyMind('the savepoint is rolled back');
  });
  await part.catch((error: unknown) => {
    if (!(error instanceof ChangedMyMind)) throw error;
  });
}
