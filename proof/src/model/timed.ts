/**
 * Three rules are about *when*, and a model without a clock cannot see them. Plain arithmetic can: each function here is
 * a small deterministic calculation with and without the rule.
 */

/** What became of a burst of messages, after ten times the burst. */
export interface BurstResult {
  readonly recorded: number;
  readonly published: number;
  readonly duplicates: number;
  /** When nothing was left to publish; null if that never happened. */
  readonly drainedAtSeconds: number | null;
}

const BURST = { burstSeconds: 20, burstRate: 250, laterRate: 100, publishRate: 150, graceSeconds: 5, leaseSeconds: 30 };
const LAST_SECOND = 200;
/** Messages that one claim may hold at a time. */
const CLAIMED_AT_ONCE = 50;

/**
 * R16. A process records 250 messages a second for 20 seconds, then 100; it publishes 150. Rows wait in memory; their
 * lease runs out after 5 seconds, and the sweep claims them for 30 seconds into the same publisher, which takes turns.
 * If nobody checks the lease, memory and sweep publish the same rows, and the publisher never has time for new ones.
 */
export function burst(checksLease: boolean): BurstResult {
  interface Held {
    readonly row: number;
    readonly leaseEnds: number;
  }
  const dueAt: number[] = [];
  const isPublished: boolean[] = [];
  const buffer: Held[] = [];
  const claimed: Held[] = [];
  let [published, duplicates, unpublished] = [0, 0, 0];
  for (let second = 0; second < LAST_SECOND; second++) {
    const arriving = second < BURST.burstSeconds ? BURST.burstRate : BURST.laterRate;
    for (let count = 0; count < arriving; count++) {
      buffer.push({ row: dueAt.length, leaseEnds: second + BURST.graceSeconds });
      dueAt.push(second + BURST.graceSeconds);
      isPublished.push(false);
      unpublished++;
    }
    for (let row = 0; row < dueAt.length && claimed.length < CLAIMED_AT_ONCE; row++) {
      if (isPublished[row] || (dueAt[row] as number) > second) continue;
      dueAt[row] = second + BURST.leaseSeconds;
      claimed.push({ row, leaseEnds: second + BURST.leaseSeconds });
    }
    for (let slot = 0; slot < BURST.publishRate;) {
      const queue = (slot % 2 === 0 && claimed.length > 0) || buffer.length === 0 ? claimed : buffer;
      const next = queue.shift();
      if (!next) break;
      if (checksLease && second >= next.leaseEnds) continue;
      slot++;
      published++;
      if (isPublished[next.row]) duplicates++;
      else unpublished--;
      isPublished[next.row] = true;
    }
    const done = unpublished === 0 && buffer.length === 0 && claimed.length === 0;
    if (done && second >= BURST.burstSeconds) {
      return { recorded: dueAt.length, published, duplicates, drainedAtSeconds: second };
    }
  }
  return { recorded: dueAt.length, published, duplicates, drainedAtSeconds: null };
}

/**
 * R12. A handler runs for `handlerSeconds`; the producer resends after a minute, doubling to an hour. A copy that finds
 * its twin in progress either answers *deferred* after the lock time-out of 5 seconds, which makes the row due a second
 * later, or stays silent. Returns how often the message was published before the handler was done.
 */
export function publishesDuring(handlerSeconds: number, busyTwin: 'deferred' | 'silent'): number {
  let publishes = 0;
  for (let now = 0; now < handlerSeconds;) {
    publishes++;
    const receiptWait = Math.min(60 * 2 ** (publishes - 1), 3600);
    now += busyTwin === 'deferred' && publishes > 1 ? 5 + 1 : receiptWait;
  }
  return publishes;
}

/**
 * R8. Nobody looks at a row before `next_at`. Returns how many seconds after its deadline a sent row is noticed, when
 * every receipt wait ends at the deadline at the latest, and when it does not.
 */
export function deadlineNoticedLate(deadlineSeconds: number, capped: boolean): number {
  let now = 0;
  for (let waits = 0; now < deadlineSeconds; waits++) {
    const next = now + Math.min(60 * 2 ** waits, 3600);
    now = capped ? Math.min(next, deadlineSeconds) : next;
  }
  return now - deadlineSeconds;
}
