import type { Logger } from '@nestjs/common';
import type { ConnectionPool } from './dialect';

/** A transaction that has waited for so long is worth a line; whether it goes on waiting, the pool's options say. */
const LONG_MS = 10_000;

/** The same error, or one that names the option whose time is over, and what there may be too few of. */
export function namingConnectTimeout(error: unknown, pool: ConnectionPool | undefined): unknown {
  if (!(error instanceof Error) || !pool?.isTimeout(error)) return error;
  return new Error(
    `no connection within ${pool.timeoutMs} ms (connectTimeoutMS of the DataSource): all ${pool.size} of its pool are ` +
      'in use, or the database does not answer',
    { cause: error },
  );
}

/** Says aloud that transactions wait for a connection: without a limit nothing else ever would. */
export class WaitingForConnection {
  private said = false;

  /** @param option of the DataSource that bounds the wait, if there is one */
  constructor(
    private readonly logger: Logger,
    private readonly option: string | undefined,
  ) {}

  /** Once for all that wait at the same time, and again after one of them has got its connection. */
  async watch<T>(connecting: Promise<T>, pool: ConnectionPool | undefined): Promise<T> {
    const timer = setTimeout(() => this.say(pool), LONG_MS);
    try {
      const connected = await connecting;
      this.said = false;
      return connected;
    } catch (error) {
      throw namingConnectTimeout(error, pool);
    } finally {
      clearTimeout(timer);
    }
  }

  private say(pool: ConnectionPool | undefined): void {
    if (this.said) return;
    this.said = true;
    const { timeoutMs, size, waiting = 0 } = pool ?? {};
    const patience = timeoutMs
      ? `It goes on waiting until ${timeoutMs} ms are over (${this.option})`
      : `It waits for ever${this.option ? `: set e.g. ${this.option}: 10_000` : ''}`;
    this.logger.warn(
      `A transaction has waited ${LONG_MS} ms for a connection of the DataSource, and ${waiting} wait now: ` +
        `all ${size} of its pool (poolSize) are in use, or the database does not answer. ${patience}.`,
    );
  }
}
