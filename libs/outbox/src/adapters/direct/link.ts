import { type Doubling, doubled } from '../../message/backoff';
import { errorText } from '../../message/receipt';
import type { Clock, Random } from '../../ports/clock';
import { Connection } from './connection';
import { type Address, addressText, type DirectSettings } from './direct-options';
import { TimeLimit } from './time-limit';

/** A connection younger than this is kept: many calls may find out the same at once. */
const RENEW_AFTER_MS = 250;
const RECONNECT: Doubling = { firstMs: 100, maxMs: 5_000 };

export interface LinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Told when `reachable` may have changed, and what happened if that is worth a line. */
  onChange(trouble?: string): void;
}

/**
 * Keeps a connection to one address: opens it when it is first asked for; when that fails, or the connection is lost,
 * tries again by itself, with back-off, until it succeeds. `close()` ends it.
 */
export class Link {
  private current: Connection | undefined;
  private openedAt = 0;
  /** Connections whose last calls are still to be answered. */
  private readonly retired = new Set<Connection>();
  private opening: Promise<Connection> | undefined;
  private cancelReconnect: (() => void) | undefined;
  private openingTime: TimeLimit | undefined;
  private closed = false;
  /** Connections that failed or were lost since the other side last answered. */
  private failures = 0;
  private lastTrouble = 'no connection yet';

  constructor(
    private readonly address: Address,
    private readonly settings: Pick<DirectSettings, 'timeoutMs' | 'tls'>,
    private readonly deps: LinkDeps,
  ) {}

  /** False while it is known that there is no connection to be had. */
  get reachable(): boolean {
    return !this.closed && (this.current !== undefined || this.failures === 0);
  }

  /** Why there is no connection. */
  get trouble(): string {
    return this.lastTrouble;
  }

  /** The connection; opens it if need be. Rejects if that fails. */
  async connection(): Promise<Connection> {
    if (this.current) return this.current;
    this.opening ??= this.open().finally(() => (this.opening = undefined));
    return this.opening;
  }

  /** The other side answered: it is in order, and the back-off starts anew. */
  answered(): void {
    this.failures = 0;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelReconnect?.();
    this.openingTime?.cut();
    await this.opening?.catch(() => {});
    const connections = [...this.retired, ...(this.current ? [this.current] : [])];
    for (const connection of connections) connection.destroy();
    await Promise.all(connections.map(({ gone }) => gone));
  }

  /** The next call goes over another connection; behind one address there may be several processes. */
  renew(): void {
    const { current } = this;
    if (!current || this.deps.clock.monotonic() - this.openedAt < RENEW_AFTER_MS) return;
    this.current = undefined;
    this.retired.add(current);
    current.retire();
  }

  private async open(): Promise<Connection> {
    const time = new TimeLimit(this.deps.clock, this.settings.timeoutMs);
    this.openingTime = time;
    try {
      const connection = await Connection.open(this.address, this.settings.tls.client, time.over);
      this.current = connection;
      this.openedAt = this.deps.clock.monotonic();
      void connection.gone.then((reason) => {
        if (!this.retired.delete(connection)) this.lost(reason);
      });
      this.deps.onChange();
      return connection;
    } catch (error) {
      this.lost(reasonOf(error));
      throw error;
    } finally {
      time.stop();
    }
  }

  private lost(reason: string): void {
    if (this.closed) return;
    const isNews = this.reachable;
    this.current = undefined;
    this.failures += 1;
    this.lastTrouble = reason;
    const waitMs = doubled(RECONNECT, this.failures) * (0.5 + 0.5 * this.deps.random.next());
    this.cancelReconnect = this.deps.clock.schedule(waitMs, () => void this.connection().catch(() => {}));
    this.deps.onChange(isNews ? `no connection to ${addressText(this.address)}: ${reason}` : undefined);
  }
}

/** A name with several addresses is tried at each: the error then holds one error for each, and no text of its own. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(errorText).join('; ') : errorText(error);
}
