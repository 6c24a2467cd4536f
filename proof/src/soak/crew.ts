import { until } from '@tallystick/services';
import type { Rig, RigProcess } from '../rig';
import type { Copies } from './copies';

/**
 * Keeps the processes of a rig alive, as an orchestrator does: one that does not come up is started again. A process that
 * ends although nobody killed it is a problem, whatever happened around it.
 */
export class Crew {
  readonly problems: string[] = [];
  private readonly up = new Set<RigProcess>();

  constructor(
    private readonly rig: Rig,
    private readonly copies: Copies,
  ) {}

  /** The first time, when there is no reason to fail. */
  async assemble(): Promise<void> {
    await Promise.all(this.rig.all.map((process) => process.start({ mayEnd: true })));
    for (const process of this.rig.all) this.up.add(process);
  }

  /** Until it listens. A boot may fail while its database is away. */
  async start(process: RigProcess): Promise<void> {
    let failure: unknown;
    await until(`a ${process.side} comes up`, () => this.attempt(process, (error) => (failure = error)), {
      timeoutMs: 180_000,
      everyMs: 500,
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${String(failure)}`, { cause: failure });
    });
    this.up.add(process);
  }

  async kill(process: RigProcess): Promise<void> {
    this.check();
    this.up.delete(process);
    await this.copies.lastWords(process);
    await process.kill('SIGKILL');
  }

  /** Notes who ended by itself, and starts it again: later faults need it. */
  async revive(): Promise<void> {
    this.check();
    await Promise.all(this.rig.all.map((process) => this.start(process)));
  }

  check(): void {
    for (const process of this.up) {
      if (process.running) continue;
      this.up.delete(process);
      this.problems.push(`a ${process.side} ended by itself: ${process.output.slice(-2_000)}`);
    }
  }

  private async attempt(process: RigProcess, onFailure: (error: unknown) => void): Promise<boolean> {
    try {
      await process.start({ mayEnd: true });
      return true;
    } catch (error) {
      onFailure(error);
      return false;
    }
  }
}
