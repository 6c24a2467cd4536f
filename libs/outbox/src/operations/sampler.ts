import type { Clock } from '../ports/clock';
import type { Pause } from '../message/pause';
import type { OutboxSample, OutboxStore } from '../ports/store';

export interface SamplerSettings {
  readonly service: string;
  /** A sent delivery is overdue when it was recorded longer ago. */
  readonly overdueMs: number;
}

type Looked = OutboxSample & { readonly pauses: readonly Pause[] };

/** As often as metrics are usually collected. */
const EVERY_MS = 15_000;
/** What was seen longer ago says nothing about now. */
const VALID_MS = 60_000;
/** Rows that are counted: some ten milliseconds at most, whatever the backlog. */
const CAP = 10_000;

/**
 * Looks at the tables once per interval, so that whoever collects metrics, however often, costs the database nothing. A look
 * is two statements, bounded. One that fails is tried again at the next interval; what was seen is forgotten after a minute.
 */
export class Sampler {
  private seen: { readonly sample: Looked; readonly at: number } | undefined;
  private stopped = false;
  private cancel = (): void => {};
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: SamplerSettings,
    private readonly store: Pick<OutboxStore, 'sample' | 'pauses'>,
    private readonly clock: Clock,
  ) {}

  /** The last look; undefined if there was none, or none for a minute. */
  get latest(): Looked | undefined {
    return this.seen && this.clock.monotonic() - this.seen.at <= VALID_MS ? this.seen.sample : undefined;
  }

  /** How long ago this instant was by the database's clock, give or take what a look takes; undefined if nobody knows. */
  msSince(instant: string): number | undefined {
    if (!this.seen) return undefined;
    const { sample, at } = this.seen;
    return Math.max(0, sample.nowMs + this.clock.monotonic() - at - Date.parse(instant));
  }

  start(): void {
    this.looking = this.look().finally(() => {
      if (!this.stopped) this.cancel = this.clock.schedule(EVERY_MS, () => this.start());
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.looking;
  }

  private async look(): Promise<void> {
    const asked = this.clock.monotonic();
    try {
      const { service, overdueMs } = this.settings;
      const sample = await this.store.sample(service, { overdueMs, cap: CAP });
      // The answer took as long as the question, as far as anybody can tell.
      const at = (asked + this.clock.monotonic()) / 2;
      this.seen = { sample: { ...sample, pauses: await this.store.pauses(service) }, at };
    } catch {
      // The database is away: the gauges have no reading after a while, and that is to be seen.
    }
  }
}
