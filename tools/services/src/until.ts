import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls `condition` until it holds. This is the only way this package waits for something it cannot be told about:
 * never a sleep that hopes to be long enough. What the condition throws ends the wait at once.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 30_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() >= deadline) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(everyMs);
  }
}
