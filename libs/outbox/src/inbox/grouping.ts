import type { Clock } from '../ports/clock';
import type { BoundHandler } from '../ports/handlers';
import type { Executable, Execution } from './execution';
import type { Outcome } from './outcome';

/** Most messages that go alone because of one failed group. */
const MAX_ALONE = 1_024;

/**
 * Group commit for one handler: lets messages that are in hand at the same time share a transaction, because a commit
 * costs more than most handlers do.
 *
 * Optimistic, so a failed group is work for nothing: its members then go alone, and so does a number of messages after
 * them, twice as many each time; a group that commits halves it. So a handler that often rejects is hardly ever grouped,
 * and pays next to nothing for having asked. Contention goes to the end of that scale at once: groups hold more locks, in
 * an order nobody chose, and where rows are hot they meet in deadlocks, again and again.
 */
export class Grouping {
  private readonly size: number;
  private readonly lanes: number;
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
    { groupCommit, concurrency }: Pick<BoundHandler, 'groupCommit' | 'concurrency'>,
  ) {
    this.size = groupCommit;
    this.lanes = Math.ceil(concurrency / groupCommit);
  }

  /** Resolves after a known commit, or with what is known instead. Never rejects. */
  execute(executable: Executable): Promise<Outcome> {
    if (this.alone > 0) {
      this.alone -= 1;
      return this.execution.alone(executable);
    }
    return new Promise((resolve) => {
      this.waiting.push({ executable, resolve });
      this.gather();
    });
  }

  /** Messages come in bursts: the first one waits until the rest of its burst has been read. */
  private gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    this.clock.schedule(0, () => {
      this.gathering = false;
      this.begin();
    });
  }

  private begin(): void {
    while (this.busyLanes < this.lanes && this.waiting.length > 0) {
      this.busyLanes += 1;
      void this.run(this.waiting.splice(0, this.size)).finally(() => {
        this.busyLanes -= 1;
        this.begin();
      });
    }
  }

  /** Resolves when the group's transaction is over; members that go alone then are not waited for. */
  private async run(group: readonly Waiting[]): Promise<void> {
    const together = await this.execution.together(group.map(({ executable }) => executable));
    if (together.kind === 'failed')
      this.goAlone(together.contention ? MAX_ALONE : Math.max(this.size, this.penalty * 2));
    else this.penalty = Math.floor(this.penalty / 2);
    for (const { executable, resolve } of group) {
      const outcome = together.kind === 'committed' ? together.outcomes.get(executable) : undefined;
      resolve(outcome ?? this.execution.alone(executable));
    }
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
