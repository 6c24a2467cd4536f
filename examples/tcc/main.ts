// Try, confirm, cancel between three services, with verdicts as the answers to *try*. The money is frozen meanwhile, the piece and
// the parcel are reserved: nobody sees a half-done purchase as done.
import assert from 'node:assert/strict';
import { Inject, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Compensate,
  MessageHandler,
  MessageRejected,
  OnAccepted,
  Outbox,
  OutboxMessage,
  OutboxModule,
  TransactionalMessage,
  Transactions,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { database } from '../database';

const PARTICIPANTS = ['stock-service', 'parcel-service'];
const PRICE = 1_000; // cents

class Purchase {
  @IsString() purchaseId: string;
  @IsString() sku: string;
}

/** Who has not answered by then is asked to give it up: that is an answer, too. */
@OutboxMessage({ type: 'purchase.try', to: PARTICIPANTS, deadline: '1m' })
class Try extends Purchase {}

/** After the decision: it is tried until it is done, and never says no. */
@OutboxMessage({ type: 'purchase.confirm', to: PARTICIPANTS })
class Confirm extends Purchase {}

/** The same. Comes after both verdicts, so it can neither overtake its *try* nor be followed by it: the inbox is the barrier. */
@OutboxMessage({ type: 'purchase.cancel', to: PARTICIPANTS })
class Cancel extends Purchase {}

@Entity()
class Account {
  @PrimaryColumn() customer: string;
  @Column() balance: number;
  @Column() frozen: number;
}

@Entity()
class Pending {
  @PrimaryColumn() purchaseId: string;
  @Column() state: 'trying' | 'confirming' | 'cancelling' | 'confirmed' | 'cancelled';
  @Column({ default: 0 }) answers: number;
  @Column({ default: false }) refused: boolean;
}

@Entity()
class Reservation {
  @PrimaryColumn() service: string;
  @PrimaryColumn() purchaseId: string;
  @Column() state: 'reserved' | 'confirmed' | 'cancelled';
}

const transport = memory(); // one for all three: they meet in it

/** The coordinator. Where a purchase stands is its row and the deliveries that are open. */
@Injectable()
class Purchases {
  private readonly waiting = new Map<string, () => void>();
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  ended(purchaseId: string): Promise<void> {
    return new Promise((resolve) => this.waiting.set(purchaseId, resolve));
  }

  @TransactionalMessage(Try)
  async buy(purchase: Purchase): Promise<Try> {
    await this.move({ balance: -PRICE, frozen: PRICE });
    await this.transactions.repository(Pending).insert({ purchaseId: purchase.purchaseId, state: 'trying' });
    return purchase;
  }

  @OnAccepted(Try)
  async tried(purchase: Try): Promise<void> {
    await this.answered(purchase, { refused: false });
  }

  @Compensate(Try)
  async refused(purchase: Try): Promise<void> {
    await this.answered(purchase, { refused: true });
  }

  @OnAccepted(Confirm)
  async confirmed(purchase: Confirm): Promise<void> {
    await this.answered(purchase, { refused: false });
  }

  @OnAccepted(Cancel)
  async cancelled(purchase: Cancel): Promise<void> {
    await this.answered(purchase, { refused: true });
  }

  /** Two answers may arrive at once: the lock makes one of them the last, and the last one goes on. */
  private async answered(purchase: Purchase, { refused }: { refused: boolean }): Promise<void> {
    const { purchaseId, sku } = purchase;
    const rows = this.transactions.repository(Pending);
    const row = await rows.findOneOrFail({ where: { purchaseId }, lock: { mode: 'pessimistic_write' } });
    row.answers += 1;
    row.refused ||= refused;
    if (row.answers === PARTICIPANTS.length) {
      row.state = row.refused ? 'cancelling' : 'confirming';
      await this.move(row.refused ? { balance: PRICE, frozen: -PRICE } : { balance: 0, frozen: -PRICE });
      await this.outbox.add(row.refused ? Cancel : Confirm, { purchaseId, sku });
    } else if (row.answers === 2 * PARTICIPANTS.length) {
      row.state = row.refused ? 'cancelled' : 'confirmed';
      this.transactions.afterCommit(() => this.waiting.get(purchaseId)?.());
    }
    await rows.save(row);
  }

  private async move({ balance, frozen }: { balance: number; frozen: number }): Promise<void> {
    const sql = 'update account set balance = balance + $1, frozen = frozen + $2 where balance + $1 >= 0';
    const [, moved] = await this.transactions.manager().query(sql, [balance, frozen]);
    if (moved !== 1) throw new Error('NO_MONEY');
  }
}

const NAME = Symbol('NAME');
const REFUSES = Symbol('REFUSES');

@Injectable()
class Participant {
  constructor(
    private readonly transactions: Transactions,
    @Inject(NAME) private readonly service: string,
    @Inject(REFUSES) private readonly refuses: string,
  ) {}

  @MessageHandler(Try)
  async try({ purchaseId, sku }: Try): Promise<void> {
    const reservation: Reservation = { service: this.service, purchaseId, state: 'reserved' };
    await this.transactions.repository(Reservation).insert(reservation);
    if (sku === this.refuses) throw new MessageRejected('NOT_HERE'); // takes the reservation with it
  }

  @MessageHandler(Confirm)
  async confirm({ purchaseId }: Confirm): Promise<void> {
    await this.set(purchaseId, 'confirmed');
  }

  @MessageHandler(Cancel) // also at the one who refused: there is nothing to undo
  async cancel({ purchaseId }: Cancel): Promise<void> {
    await this.set(purchaseId, 'cancelled');
  }

  private async set(purchaseId: string, state: Reservation['state']): Promise<void> {
    await this.transactions.repository(Reservation).update({ service: this.service, purchaseId }, { state });
  }
}

function participant(service: string, refuses: string): Type {
  @Module({
    imports: [database(Reservation), OutboxModule.forRoot({ service, transport })],
    providers: [Participant, { provide: NAME, useValue: service }, { provide: REFUSES, useValue: refuses }],
  })
  class ParticipantModule {}
  return ParticipantModule;
}

@Module({
  imports: [database(Account, Pending), OutboxModule.forRoot({ service: 'user-service', transport })],
  providers: [Purchases],
})
class UserModule {}

async function main(): Promise<void> {
  const start = (module: Type) => NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const user = await start(UserModule);
  const others = [
    await start(participant('stock-service', 'moonstone')),
    await start(participant('parcel-service', 'anvil')),
  ];
  const [purchases, transactions] = [user.get(Purchases), user.get(Transactions)];
  await transactions.run(() =>
    transactions.repository(Account).insert({ customer: 'Ann', balance: 10_000, frozen: 0 }),
  );

  const skus = ['tally-stick', 'anvil', 'moonstone'];
  const ends = skus.map((sku) => purchases.ended(sku));
  for (const sku of skus) await purchases.buy({ purchaseId: sku, sku });
  await Promise.all(ends);

  const { accounts, pending } = await transactions.run(async () => ({
    accounts: await transactions.repository(Account).find(),
    pending: await transactions.repository(Pending).find(),
  }));
  const theirs = others[0]!.get(Transactions);
  const reservations = await theirs.run(() => theirs.repository(Reservation).find());
  for (const app of [user, ...others]) await app.close();

  assert.deepEqual(
    accounts.map(({ balance, frozen }) => [balance, frozen]),
    [[9_000, 0]],
  );
  assert.deepEqual(pending.map(({ purchaseId, state }) => `${purchaseId}: ${state}`).sort(), [
    'anvil: cancelled',
    'moonstone: cancelled',
    'tally-stick: confirmed',
  ]);
  assert.deepEqual(reservations.map(({ service, purchaseId, state }) => `${service}, ${purchaseId}: ${state}`).sort(), [
    'parcel-service, moonstone: cancelled',
    'parcel-service, tally-stick: confirmed',
    'stock-service, anvil: cancelled',
    'stock-service, tally-stick: confirmed',
  ]);
}

void main();
