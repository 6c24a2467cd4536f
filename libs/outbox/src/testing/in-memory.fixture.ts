import { randomUUID } from 'node:crypto';
import type { DeliveryKey, Waits } from '../message/delivery';
import type { OutboxEvent } from '../message/events';
import type { Monitor } from '../ports/monitor';
import type { DeliveryRecord, NewMessage } from '../ports/store';
import { MemoryDatabase } from './memory/memory-database';
import { MemoryStore } from './memory/memory-store';
import type { MemoryTransaction } from './memory/memory-transaction';
import { MemoryTransactions } from './memory/memory-transactions';
import { SeededRandom } from './memory/seeded-random';
import { VirtualClock } from './memory/virtual-clock';
import { newMessage } from './store-contract-scenario';

/** What a part of the core stands on, for a test of that part alone: rows in memory, and time that the test lets pass. */
export class InMemory {
  readonly clock = new VirtualClock();
  readonly random = new SeededRandom(1);
  readonly database = new MemoryDatabase(this.clock);
  /** Set to have the database fail at whatever it is asked next. */
  failure: Error | undefined;
  private readonly client = this.database.connect(() => {
    if (this.failure) throw this.failure;
  });
  readonly store = new MemoryStore(this.client);
  readonly transactions = new MemoryTransactions(this.client);
  readonly events: OutboxEvent[] = [];
  readonly monitor: Monitor = { record: (event) => void this.events.push(event) };
  readonly waits: Waits = { backoff: () => 1_000, receipt: () => 60_000 };

  /** Records one message. @returns its delivery */
  async pending(more: Partial<NewMessage> = {}): Promise<DeliveryKey> {
    const message = newMessage({ id: randomUUID(), ...more });
    await this.transactions.run((transaction: MemoryTransaction) => this.store.add(transaction, [message]));
    return { messageId: message.id, consumer: message.deliveries[0]!.consumer };
  }

  async row({ messageId, consumer }: DeliveryKey): Promise<DeliveryRecord> {
    const rows = await this.store.find(messageId);
    return rows.find((row) => row.consumer === consumer)!;
  }

  told(event: OutboxEvent['event']): OutboxEvent[] {
    return this.events.filter((each) => each.event === event);
  }
}
