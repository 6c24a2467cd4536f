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
  /** How long the oldest due delivery has been waiting, in milliseconds. Growing means the relay does not keep up. */
  readonly oldestDueMs: number;
}

/** A claim takes milliseconds. */
const CLAIM_OVERDUE_MS = 10_000;

/** For health endpoints. */
export class OutboxHealth {
  constructor(
    private readonly service: string,
    private readonly store: OutboxStore,
    private readonly transport: Transport,
    private readonly counted: () => Pick<OutboxHealthReport, 'claimOverdueMs' | 'refused' | 'returned'>,
  ) {}

  /** Rejects if the database cannot be asked: that service *is* down. */
  async check(): Promise<OutboxHealthReport> {
    const { name, ready } = this.transport;
    const counted = this.counted();
    return {
      status: ready && counted.claimOverdueMs < CLAIM_OVERDUE_MS ? 'up' : 'degraded',
      transport: { name, ready },
      ...counted,
      oldestDueMs: await this.store.oldestDueMs(this.service),
    };
  }
}
