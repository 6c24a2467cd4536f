import type { ContractClass } from '@tallystick/outbox';
import type { Checks } from './checker.decorator';
import { type CheckAnswer, type Decision, decide, type Limits, type ParkCode } from './decision';
import type { StoredHalf } from './envelope';
import type { HalfMessage } from './half-message';

/** Where half messages rest, and where they end. */
export interface Shelf {
  rest(half: StoredHalf, pause: number): Promise<void>;
  park(half: StoredHalf, code: ParkCode): Promise<void>;
}

/** Makes half messages visible. */
export interface Stage {
  isShown(id: string): Promise<boolean>;
  /** Resolves when it is a message like any other; that it was shown before is no error. */
  show(half: HalfMessage, contract: ContractClass): Promise<void>;
  /** Its content is refused, today and tomorrow. */
  isRefusal(error: unknown): boolean;
}

export interface Checker {
  readonly contract: ContractClass;
  readonly check: Checks;
}

/** For people. */
export interface Log {
  parked(half: StoredHalf, code: ParkCode): void;
  failed(half: HalfMessage, what: string, error: unknown): void;
}

/** Brings half messages to their end, one step each. */
export class CheckBack {
  constructor(
    private readonly checkers: ReadonlyMap<string, Checker>,
    private readonly shelf: Shelf,
    private readonly stage: Stage,
    private readonly limits: Limits,
    private readonly now: () => number,
    private readonly log: Log,
  ) {}

  /**
   * Asks about one. What follows is done when it resolves: if this process dies before, the broker brings the half message
   * again, and everything here may be done twice. Where the outbox cannot be asked, or does not record, it rests for the same
   * pause once more, and that is no question.
   * @throws Error if the broker does not keep it either: the half message must come again
   */
  async step(half: StoredHalf): Promise<Decision> {
    try {
      return await this.carryOut(half, await this.decide(half));
    } catch (error) {
      this.log.failed(half, 'it is looked at again later', error);
      const decision = { kind: 'ask again', pause: Math.min(half.checks, this.limits.pauses - 1) } as const;
      await this.shelf.rest(half, decision.pause);
      return decision;
    }
  }

  private async carryOut(half: StoredHalf, decision: Decision): Promise<Decision> {
    switch (decision.kind) {
      case 'show':
        return this.show(half);
      case 'forget':
        return decision;
      case 'ask again':
        await this.shelf.rest({ ...half, checks: half.checks + 1 }, decision.pause);
        return decision;
      case 'park':
        return this.park(half, decision.code);
      default:
        return decision satisfies never;
    }
  }

  private async decide(half: StoredHalf): Promise<Decision> {
    if (await this.stage.isShown(half.id)) return { kind: 'forget' };
    const undecided = { checks: half.checks, ageMs: this.now() - half.born };
    return decide(await this.ask(half), undecided, this.limits);
  }

  private async ask(half: StoredHalf): Promise<CheckAnswer> {
    const checker = this.checkers.get(half.type);
    if (!checker) {
      // Another process of the service may have it: a split service, or one that is being upgraded.
      this.log.failed(half, 'no @TransactionChecker here knows its type', undefined);
      return 'not known yet';
    }
    try {
      return await checker.check(half);
    } catch (error) {
      this.log.failed(half, 'its @TransactionChecker failed', error);
      return 'not known yet';
    }
  }

  private async show(half: StoredHalf): Promise<Decision> {
    try {
      await this.stage.show(half, this.checkers.get(half.type)!.contract);
      return { kind: 'show' };
    } catch (error) {
      if (!this.stage.isRefusal(error)) throw error;
      this.log.failed(half, 'it is committed, and cannot be shown', error);
      return this.park(half, 'UNREADABLE');
    }
  }

  private async park(half: StoredHalf, code: ParkCode): Promise<Decision> {
    await this.shelf.park(half, code);
    this.log.parked(half, code);
    return { kind: 'park', code };
  }
}
