import { randomUUID } from 'node:crypto';
import type { Rig } from '../rig';
import { daysAgo, writeRow } from '../rig/by-hand';
import type { Point } from './points';

/** Something for the pruners, where one of them is to be stopped: final rows from long ago that belong to no purchase. */
export async function somethingToPrune(rig: Rig, point: Point): Promise<void> {
  const [id, old] = [randomUUID(), daysAgo(90)];
  if (point === 'outbox pruned') {
    await rig.use('producer', async (client) => {
      const message = { type: 'purchase.made', aggregatetype: 'rig-producer', payload: '{}' };
      await writeRow(client, 'outbox_message', { id, ...message, created_at: old });
      const ending = { state: 'completed', attempts: 1, follow_up: 'none', verdict: 'accepted', settled_at: old };
      await writeRow(client, 'outbox_delivery', { message_id: id, consumer: 'rig-consumer', ...ending });
    });
  }
  if (point === 'inbox pruned') {
    const row = { consumer: 'rig-consumer', message_id: id, verdict: 'accepted', source: 'rig-producer' };
    await rig.use('consumer', (client) => writeRow(client, 'inbox_message', { ...row, received_at: old }));
  }
}
