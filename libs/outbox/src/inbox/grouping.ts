import type { Clock } from '../ports/clock';
import type { BoundHandler } from '../ports/handlers';
import type { Executable, Execution } from './execution';
import type { Outcome } from './outcome';

/** Most messages that go alone because of one failed group. */
const MAX_ALONE = 1_024;
/**
 * Of `auto`. What a transaction costs beside the handler is shared by now: twice as many would save a message another
 * thirty-second of it, and undo twice the work when one rejects.
 */
const AUTO_SIZE = 16;
/** Of `auto`: one commits while the other works. */
const AUTO_LANES = 2;
/**
 * Of `auto`: a handler that takes so many times as long as the rest of the transaction wins more by being called several times
 * at once than by sharing the rest. A ratio, because on a busy machine everything takes long.
 */
const AUTO_SLOW = 4;

/** How a handler's messages share transactions. */
export interface Sharing {
  /** Most messages in one. */
  readonly size: number;
  /** Most transactions at once. */
  readonly lanes: number;
  /** A message that finds nothing under way does not wait for others; whoever comes meanwhile gathers. */
  readonly eager: boolean;
  /** A handler that takes so many times as long as the rest of its transaction is better off alone. */
  readonly slow: number;
}

/** @returns undefined if every message has its own transaction */
export function sharingOf({ batch, groupCommit, concurrency }: SharingOptions): Sharing | undefined {
  if (groupCommit === 'auto') {
    const lanes = Math.min(concurrency, Math.max(AUTO_LANES, Math.ceil(concurrency / AUTO_SIZE)));
    return { size: AUTO_SIZE, lanes, eager: true, slow: AUTO_SLOW };
  }
  const size = batch ?? groupCommit ?? 1;
  if (size === 1) return undefined;
  return { size, lanes: Math.ceil(concurrency / size), eager: batch !== undefined, slow: Infinity };
}

type SharingOptions = Pick<BoundHandler, 'batch' | 'concurrency'> & { readonly groupCommit?: number | 'auto' };

/**
 * Group commit for one handler: lets messages that are in hand at the same time share a transaction, because a commit
 * costs more than most handlers do; an array handler gets them in one call.
 *
 * Optimistic, so a failed group is work for nothing: its members then go alone, and so does a number of messages after
 * them, twice as many each time; a group that commits halves it. So a handler that often rejects is hardly ever grouped,
 * and pays next to nothing for having asked. A handler that is too slow to be called for one after another is treated alike.
 * Contention goes to the end of that scale at once: groups hold more locks, in an order nobody chose, and where rows are
 * hot they meet in deadlocks, again and again.
 */
export class Grouping {
  private busyLanes = 0;
  private gathering = false;
  private waiting: Waiting[] = [];
  /** How many go alone after the next failure. */
  private penalty = 0;
  /** How many still go alone. */
  private alone = 0;

  constructor(
    private readonly execution: Execution,
    private readonly clock: Clock,
    private readonly sharing: Sharing,
  ) {}

  /** Resolves after a known commit, or with what is known instead. Never rejects. */
  execute(executable: Executable): Promise<Outcome> {
    if (this.alone > 0) {
      this.alone -= 1;
      return this.execution.alone(executable);
    }
    return new Promise((resolve) => {
      this.waiting.push({ executable, resolve });
      if (this.sharing.eager && this.busyLanes === 0) this.begin();
      else this.gather();
    });
  }

  /** Messages come in bursts: whoever gathers waits until the rest of its burst has been read. */
  private gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    this.clock.schedule(0, () => {
      this.gathering = false;
      this.begin();
    });
  }

  private begin(): void {
    while (this.busyLanes < this.sharing.lanes && this.waiting.length > 0) {
      this.busyLanes += 1;
      void this.run(this.waiting.splice(0, this.sharing.size)).finally(() => {
        this.busyLanes -= 1;
        this.begin();
      });
    }
  }

  /** Resolves when the group's transaction is over; members that go alone then are not waited for. */
  private async run(group: readonly Waiting[]): Promise<void> {
    const [first, ...others] = group;
    if (first && others.length === 0 && this.sharing.eager) return this.runAlone(first);
    const began = this.clock.monotonic();
    const together = await this.execution.together(group.map(({ executable }) => executable));
    if (together.kind === 'failed') this.goAlone(together.contention ? MAX_ALONE : this.doubled());
    else if (this.isSlow(together.workMs, this.clock.monotonic() - began, group.length)) this.goAlone(this.doubled());
    else this.penalty = Math.floor(this.penalty / 2);
    for (const { executable, resolve } of group) {
      const outcome = together.kind === 'committed' ? together.outcomes.get(executable) : undefined;
      resolve(outcome ?? this.execution.alone(executable));
    }
  }

  /** Nobody came with it: it pays what it would without groups. */
  private async runAlone({ executable, resolve }: Waiting): Promise<void> {
    const outcome = this.execution.alone(executable);
    resolve(outcome);
    await outcome;
  }

  private isSlow(workMs: number, tookMs: number, messages: number): boolean {
    return workMs / messages > this.sharing.slow * (tookMs - workMs);
  }

  private doubled(): number {
    return Math.max(this.sharing.size, this.penalty * 2);
  }

  private goAlone(penalty: number): void {
    this.penalty = Math.min(MAX_ALONE, penalty);
    this.alone = this.penalty;
  }
}

interface Waiting {
  readonly executable: Executable;
  resolve(outcome: Outcome | Promise<Outcome>): void;
}
