// A unit test with a fake outbox: no database, no module. Whether the message gets there is for the harness to show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outbox, Transactions } from '@tallystick/outbox';
import { OrderRequested, PurchasesService } from './purchases.service';

/** Remembers what was added. What the real one refuses (no transaction, a bad payload), it takes. */
class FakeOutbox implements Pick<Outbox, 'add'> {
  readonly added: [contract: unknown, payload: unknown][] = [];

  add: Outbox['add'] = async (contract, payload) => {
    this.added.push([contract, payload]);
    return { id: `message-${this.added.length}` } as Awaited<ReturnType<Outbox['add']>>;
  };
}

const transactions = { run: (work: () => Promise<unknown>) => work() } as Transactions;

test('a purchase records one order', async () => {
  const outbox = new FakeOutbox();
  const service = new PurchasesService(transactions, outbox as unknown as Outbox);
  assert.equal(await service.purchase('tally-stick'), 'message-1');
  assert.deepEqual(outbox.added, [[OrderRequested, { sku: 'tally-stick' }]]);
});
