import { wait } from '../concurrency/waiting';
import type { PauseTarget } from '../message/pause';
import type { Clock } from '../ports/clock';
import type { OutboxStore } from '../ports/store';
import type { Transport } from '../ports/transport';

export interface OutboxHealthReport {
  /**
   * `degraded`: the transport is not ready, or the relay gets no answer from the database. Messages are still recorded and
   * go out later: keep the service in rotation.
   */
  readonly status: 'up' | 'degraded';
  readonly transport: { readonly name: string; readonly ready: boolean };
  /** Since this process started: what arrived and was put aside, because it was malformed, untrusted or could not be applied. */
  readonly refused: number;
  /** Since this process started: receipts that were given back, to come again. */
  readonly returned: number;
  /** How long the relay has been asking the database for work without an answer, in milliseconds. 0: the last one came. */
  readonly claimOverdueMs: number;
  /** How long the oldest due delivery has been waiting, in milliseconds. Growing means the relay does not keep up. What is paused is not due. */
  readonly oldestDueMs: number;
  /** What people have paused: it is not sent until they resume it, and nothing is wrong. Who and why, `OutboxOperations.pauses` says. */
  readonly paused: readonly (PauseTarget & { readonly since: string })[];
}

/** What the relay of this process has in hand: claimed or handed off, and not yet settled. */
export interface OutboxWindow {
  /** Most deliveries in flight at once: the option `window`. */
  readonly size: number;
  /** Most of one consumer: half of it, so that a dead one never starves the others. */
  readonly share: number;
  /** By consumer; `*` for announcements. Who is not named has none. */
  readonly inUse: Readonly<Record<string, number>>;
}

/** A claim takes milliseconds. */
const CLAIM_OVERDUE_MS = 10_000;

/** What a health indicator of `@nestjs/terminus` returns. */
export type OutboxHealthIndication =
  | ({ readonly status: 'up'; readonly degraded: boolean } & Omit<OutboxHealthReport, 'status'>)
  | { readonly status: 'down'; readonly message: string };

/** For health endpoints. */
export class OutboxHealth {
  constructor(
    private readonly service: string,
    private readonly store: OutboxStore,
    private readonly transport: Transport,
    private readonly counted: () => Pick<OutboxHealthReport, 'claimOverdueMs' | 'refused' | 'returned'>,
    private readonly inHand: () => OutboxWindow,
    private readonly clock: Clock,
  ) {}

  /** Asks nobody: it may be called as often as one likes. */
  get window(): OutboxWindow {
    return this.inHand();
  }

  /**
   * How many messages these services have put aside at the broker, for a person, in their quarantines. Who is not named has none
   * there that can be seen: it has never consumed there, or the transport is not ready, or is one that keeps none.
   */
  async quarantined(services: readonly string[]): Promise<Readonly<Record<string, number>>> {
    return Object.fromEntries((await this.transport.quarantined?.(services)) ?? []);
  }

  /**
   * For Terminus: `health.check([outboxHealth.indicator()])`. *Down* if the database does not answer in time, and nothing else:
   * a *degraded* service is up, for it should stay in rotation.
   */
  indicator<Key extends string = 'outbox'>(
    key: Key = 'outbox' as Key,
    { timeoutMs = 1_000 }: { timeoutMs?: number } = {},
  ): () => Promise<Record<Key, OutboxHealthIndication>> {
    return async () => ({ [key]: await this.indicate(timeoutMs) }) as Record<Key, OutboxHealthIndication>;
  }

  private async indicate(timeoutMs: number): Promise<OutboxHealthIndication> {
    const checked = this.check().then(
      ({ status, ...report }) => ({ status: 'up', degraded: status === 'degraded', ...report }) as const,
      // Why, is for the log: health is often open to strangers.
      () => ({ status: 'down', message: 'the database cannot be asked' }) as const,
    );
    if (await wait(this.clock, timeoutMs, checked)) return checked;
    return { status: 'down', message: `the database has not answered within ${timeoutMs} ms` };
  }

  /** Rejects if the database cannot be asked: that service *is* down. */
  async check(): Promise<OutboxHealthReport> {
    const { name, ready } = this.transport;
    const counted = this.counted();
    return {
      status: ready && counted.claimOverdueMs < CLAIM_OVERDUE_MS ? 'up' : 'degraded',
      transport: { name, ready },
      ...counted,
      oldestDueMs: await this.store.oldestDueMs(this.service),
      paused: (await this.store.pauses(this.service)).map(({ by: _by, reason: _reason, ...pause }) => pause),
    };
  }
}
