import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from './context';
import type { Passed } from './passed';

/**
 * What happens at a step that was armed:
 * - `die`   SIGKILL, as the out-of-memory killer does it; a shell calls it exit 137
 * - `stop`  SIGSTOP: the process stands still, as in a long pause of a machine, until it is continued
 * - `hold`  only what reached the step waits, until it is released; the rest of the process goes on
 */
export type Fault = 'die' | 'stop' | 'hold';
/** `pass`: nothing, but whoever waits for it is told. */
export type Action = Fault | 'pass';

/** A step that a process reached. */
export interface Reached {
  readonly kind: 'step';
  readonly step: string;
  /** What was then done to it. */
  readonly action?: Action;
}

/** The steps of a process. What it reached is written down before anything else can happen to it. */
export class Steps {
  private armed: { readonly step: string; readonly action: Action } | undefined;
  private held = false;

  constructor(
    private readonly side: Side,
    /** Both processes append to it, the lab reads it. */
    private readonly journal: string,
    /** Write down every step, not only the armed one. */
    private readonly tell: boolean,
  ) {}

  /** The first one to get there is meant. */
  arm(step: string, action: Action): void {
    this.armed = { step, action };
    if (action === 'hold') this.held = true;
  }

  release(): void {
    this.held = false;
  }

  disarm(): void {
    this.armed = undefined;
  }

  async reach(step: string): Promise<void> {
    const action = this.armed?.step === step ? this.armed.action : undefined;
    if (action) this.armed = undefined;
    if (action || this.tell) this.write({ kind: 'step', step, ...(action && { action }) });
    switch (action) {
      case undefined:
      case 'pass':
        return;
      case 'die':
        process.kill(process.pid, 'SIGKILL');
        return;
      case 'stop':
        process.kill(process.pid, 'SIGSTOP');
        return;
      case 'hold':
        while (this.held) await sleep(5);
        return;
      default:
        return action satisfies never;
    }
  }

  write(happened: Reached | Passed): void {
    appendFileSync(this.journal, `${JSON.stringify({ at: Date.now(), side: this.side, ...happened })}\n`);
  }
}
