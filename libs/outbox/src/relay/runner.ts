import { errorText } from '../message/receipt';
import type { Clock } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { Relay } from './relay';

/** How soon to look again: busy → idle. The after-commit hand-off makes polling a floor, not the latency. */
export interface Pace {
  readonly busyMs: number;
  readonly idleMs: number;
}

/**
 * Calls {@link Relay.runOnce} for ever: at once while there is more, else after a pause that doubles from busy to idle,
 * or when woken. Ends when stopped; an error of a sweep is reported and never ends it.
 */
export class RelayRunner {
  private stopping = false;
  private running: Promise<void> | undefined;
  private woken = false;
  private wakeUp = (): void => {};

  constructor(
    private readonly relay: Relay,
    private readonly pace: Pace,
    private readonly clock: Clock,
    private readonly monitor: Monitor,
  ) {}

  start(): void {
    this.running ??= this.loop();
  }

  /** Something may be due now. */
  wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  /** Claims nothing more, then lets the relay finish what it has in hand. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wakeUp();
    await this.running;
    await this.relay.drain();
  }

  private async loop(): Promise<void> {
    let pauseMs = this.pace.busyMs;
    while (!this.stopping) {
      this.woken = false;
      const took = await this.sweep();
      if (took > 0) {
        pauseMs = this.pace.busyMs;
        // More may be due at once: go on as soon as there is room for it.
        await Promise.race([this.relay.room(), this.pause(pauseMs)]);
        continue;
      }
      await this.pause(pauseMs);
      pauseMs = Math.min(this.pace.idleMs, pauseMs * 2);
    }
  }

  private async sweep(): Promise<number> {
    try {
      return await this.relay.runOnce();
    } catch (error) {
      this.monitor.record({ event: 'relay.failed', step: 'claim', error: errorText(error) });
      return 0;
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.woken || this.stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.clock.schedule(ms, resolve);
      this.wakeUp = () => {
        cancel();
        resolve();
      };
    });
  }
}
