import { errorText } from '../message/receipt';
import type { Clock } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { InboxStore, OutboxStore } from '../ports/store';

export interface PruneSettings {
  readonly service: string;
  /** Final messages older than this go. At least the horizon, so that contradictions stay visible. */
  readonly outboxMs: number;
  /** Inbox rows older than this go. At least the horizon and a day: the inbox must outlive every copy (R9). */
  readonly inboxMs: number;
  readonly everyMs: number;
}

/** Small enough that no statement is a long transaction. */
const BATCH = 1000;

/** Deletes final rows and old inbox rows, in small batches, from time to time. Never touches an open or parked row. */
export class Pruner {
  private stopped = false;
  private cancel = (): void => {};
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: PruneSettings,
    private readonly store: Pick<OutboxStore, 'prune'> & { readonly inbox: Pick<InboxStore, 'prune'> },
    private readonly clock: Clock,
    private readonly monitor: Monitor,
  ) {}

  start(): void {
    this.cancel = this.clock.schedule(this.settings.everyMs, () => {
      this.running = this.pruneAndReport().finally(() => {
        if (!this.stopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  /** Prunes until nothing is old enough, or until stopped. */
  async prune(): Promise<{ messages: number; inboxRows: number }> {
    const { service, outboxMs, inboxMs } = this.settings;
    const messages = await this.repeat(() => this.store.prune(service, outboxMs, BATCH));
    const inboxRows = await this.repeat(() => this.store.inbox.prune(service, inboxMs, BATCH));
    return { messages, inboxRows };
  }

  private async pruneAndReport(): Promise<void> {
    try {
      this.monitor.record({ event: 'prune.done', ...(await this.prune()) });
    } catch (error) {
      this.monitor.record({ event: 'relay.failed', step: 'prune', error: errorText(error) });
    }
  }

  private async repeat(step: () => Promise<number>): Promise<number> {
    for (let total = 0; ;) {
      const deleted = this.stopped ? 0 : await step();
      total += deleted;
      if (deleted === 0) return total;
    }
  }
}
