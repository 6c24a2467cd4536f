import type { Clock, Random } from '../../ports/clock';
import { unlessAborted, wait } from '../../concurrency/waiting';

/** Something that is open: a connection, a channel with its subscription. */
export interface Session {
  /** Resolves when it is gone, with the reason; without one if it ended as planned. Never rejects. */
  readonly over: Promise<string | undefined>;
  /** Lets go of everything. Called exactly once, whether it is gone or no longer wanted. Takes bounded time, never rejects. */
  close(): Promise<void>;
}

export interface KeepOpenOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Shortest pause between two sessions. */
  readonly pauseMs: number;
  /** Told why a session could not be opened or is gone; not twice in a row the same. */
  onTrouble(problem: unknown): void;
  /** Is this known to pass by itself, after so many failures in a row? Then nobody is told. Default: nothing is. */
  passes?(problem: unknown, failures: number): boolean;
}

/** A series of failures pauses up to this long between two attempts. */
const MAX_PAUSE_MS = 5_000;
/** A session that lived this long was a success; one that breaks at once counts as a failure. */
const STABLE_MS = 1_000;

/**
 * Keeps one thing open: open → wait until it is over → close → pause → again, until stopped. Everything that can break
 * ends in this one place, so nothing else in this folder recovers from anything: it just ends its session.
 */
export class KeepOpen {
  private readonly stopping = new AbortController();
  private ended: Promise<void> = Promise.resolve();
  /** Sessions in a row that could not be opened or broke at once. */
  private failures = 0;
  private reported: string | undefined;

  constructor(
    /** Should give up when the signal is aborted, if it takes long. */
    private readonly open: (signal: AbortSignal) => Promise<Session>,
    private readonly options: KeepOpenOptions,
  ) {}

  /** Resolves after the first attempt, with what it failed with. Never rejects; the attempts go on. */
  start(): Promise<unknown> {
    return new Promise((resolve) => {
      this.ended = this.run(resolve);
    });
  }

  /** Closes the session and resolves when the loop has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async run(onFirstAttempt: (problem?: unknown) => void): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const problem = await this.runOnce(onFirstAttempt, signal);
      if (signal.aborted) return;
      if (problem !== undefined) this.failed(problem);
      await unlessAborted(wait(this.options.clock, this.pauseMs()), signal);
    }
  }

  /** One session, from open to closed. @returns why it ended or could not begin; undefined if that was planned */
  private async runOnce(onFirstAttempt: (problem?: unknown) => void, signal: AbortSignal): Promise<unknown> {
    const { clock } = this.options;
    let session: Session;
    try {
      session = await this.open(signal);
    } catch (error) {
      onFirstAttempt(error);
      return error;
    }
    onFirstAttempt();
    const openedAt = clock.monotonic();
    const why = await unlessAborted(session.over, signal);
    await session.close();
    if (why === undefined || clock.monotonic() - openedAt > STABLE_MS) this.forget();
    return why;
  }

  private failed(problem: unknown): void {
    this.failures++;
    if (this.options.passes?.(problem, this.failures)) return;
    if (String(problem) === this.reported) return;
    this.reported = String(problem);
    this.options.onTrouble(problem);
  }

  private forget(): void {
    this.failures = 0;
    this.reported = undefined;
  }

  private pauseMs(): number {
    const { pauseMs, random } = this.options;
    const spread = this.failures === 0 ? 0 : Math.min(MAX_PAUSE_MS - pauseMs, 50 * 2 ** Math.min(this.failures, 10));
    return pauseMs + random.next() * spread;
  }
}
