import { setTimeout as wait } from 'node:timers/promises';
import type { DeliveryFilter, DeliveryKey, OutboxOperations } from '@tallystick/outbox';
import { OutboxError } from '@tallystick/outbox';

export interface BulkResult {
  readonly changed: number;
  /** Each with the reason; they are as they were. */
  readonly refused: readonly { readonly key: DeliveryKey; readonly why: string }[];
  /** Somebody stopped it. What it has not come to is as it was. */
  readonly stopped: boolean;
}

interface BulkOptions {
  /** Deliveries per second. */
  readonly rate: number;
  readonly stop: AbortSignal;
  onProgress(done: number): void;
}

const PAGE = 500;

/**
 * Does one thing to everything that a filter means, newest first, each delivery by its own guarded transition: one that
 * somebody else has moved meanwhile is refused and reported. Killed in the middle it leaves nothing half done: what was
 * changed no longer matches, so the same command goes on where it ended.
 */
export async function everyMatch(
  operations: OutboxOperations,
  filter: DeliveryFilter,
  change: (key: DeliveryKey) => Promise<unknown>,
  { rate, stop, onProgress }: BulkOptions,
): Promise<BulkResult> {
  const refused: BulkResult['refused'][number][] = [];
  let changed = 0;
  let after: DeliveryKey | undefined;
  do {
    const page = await operations.find(filter, { limit: PAGE, ...(after && { after }) });
    for (const { messageId, consumer } of page) {
      if (stop.aborted) return { changed, refused, stopped: true };
      const began = performance.now();
      const key = { messageId, consumer };
      try {
        await change(key);
        changed += 1;
      } catch (error) {
        if (!(error instanceof OutboxError)) throw error;
        refused.push({ key, why: error.message });
      }
      onProgress(changed + refused.length);
      await wait(Math.max(0, 1_000 / rate - (performance.now() - began)), undefined, { signal: stop }).catch(() => {});
    }
    after = page.at(-1);
  } while (after);
  return { changed, refused, stopped: false };
}
