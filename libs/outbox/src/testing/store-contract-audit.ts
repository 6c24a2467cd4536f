import assert from 'node:assert/strict';
import { behaviour, DAY, failsWith, newMessage, SOURCE } from './store-contract-scenario';

const BY = { by: 'ada@host' };

/** What people did is written down with what it changed, and not without it. */
export const auditCases = [
  behaviour('an operation with a name writes down who, what, how many and why', async (s) => {
    const consumers = { deliveries: ['mail', 'stock'].map((consumer) => ({ consumer, followUp: 'none' }) as const) };
    const { id } = newMessage(consumers);
    await s.add(newMessage({ ...consumers, id }));
    await s.outbox.cancel(undefined, id, { ...BY, to: 'mail', reason: 'changed my mind' });
    const park = async (): Promise<void> => {
      for (const consumer of ['mail', 'stock'])
        await s.outbox.park({ messageId: id, consumer }, 'any', { code: 'EXPIRED', error: 'old' });
    };
    await park();
    await s.outbox.retry(id, { ...BY, deadlineMs: DAY, reason: 'the broker is back' });
    await park();
    await s.outbox.discard(id, { by: 'grace', reason: 'ticket 4711', force: false });

    const [discarded, retried, cancelled, ...others] = await s.outbox.audit(SOURCE, { limit: 10 });
    assert.deepEqual(others, []);
    const { id: _first, at, ...entry } = discarded!;
    await s.isNow(at);
    assert.deepEqual(entry, {
      actor: 'grace',
      verb: 'discard',
      target: `id:${id}`,
      changed: 2,
      reason: 'ticket 4711',
    });
    const { actor, verb, target, changed, reason } = retried!;
    assert.deepEqual([actor, verb, target, changed, reason], [BY.by, 'retry', `id:${id}`, 2, 'the broker is back']);
    assert.deepEqual([cancelled!.verb, cancelled!.target, cancelled!.changed], ['cancel', `id:${id} to:mail`, 1]);
  }),

  behaviour('what changed nothing, was rolled back, or has no name is not in the audit', async (s) => {
    const { messageId } = await s.into('sent');
    assert.deepEqual(await s.outbox.retry(messageId, BY), []);
    assert.deepEqual(await s.outbox.discard(messageId, { ...BY, reason: 'seen', force: true }), []);
    const refused = new Error('refused by the business');
    const work = s.transaction(async (tx) => {
      assert.equal((await s.outbox.cancel(tx, messageId, { ...BY, reason: 'no' })).length, 1);
      throw refused;
    });
    await failsWith(work, refused);
    await s.outbox.cancel(undefined, messageId, { reason: 'the business itself' });
    assert.deepEqual(await s.outbox.audit(SOURCE, { limit: 10 }), []);
  }),

  behaviour('the audit pages, newest first, each service its own', async (s) => {
    const asked: string[] = [];
    // More than ten: their numbers have one digit and two.
    for (let index = 0; index < 12; index++) {
      const { messageId } = await s.into('parked');
      await s.outbox.retry(messageId, BY);
      asked.push(`id:${messageId}`);
    }
    const told: string[] = [];
    const turn = async (page: { limit: number; after?: string }): Promise<void> => {
      const entries = await s.outbox.audit(SOURCE, page);
      told.push(...entries.map(({ target }) => target));
      if (entries.length > 0) await turn({ ...page, after: entries.at(-1)!.id });
    };
    await turn({ limit: 5 });
    assert.deepEqual(told, asked.reverse());
    assert.deepEqual(await s.outbox.audit('other-service', { limit: 2 }), []);
  }),
];
