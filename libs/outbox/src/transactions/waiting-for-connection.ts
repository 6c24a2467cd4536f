import type { Logger } from '@nestjs/common';
import type { Pool } from 'pg';

/** What `pg` says when a pool's `connectionTimeoutMillis` is over. */
const TIMED_OUT = 'timeout exceeded when trying to connect';
/** A transaction that has waited for so long is worth a line; whether it goes on waiting, the pool's options say. */
const LONG_MS = 10_000;

/** The same error, or one that names the option whose time is over, and what there may be too few of. */
export function namingConnectTimeout(error: unknown, pool: Pool | undefined): unknown {
  if (!(error instanceof Error) || error.message !== TIMED_OUT || !pool) return error;
  const { connectionTimeoutMillis, max } = pool.options;
  return new Error(
    `no connection within ${connectionTimeoutMillis} ms (connectTimeoutMS of the DataSource): all ${max} of its pool are ` +
      'in use, or the database does not answer',
    { cause: error },
  );
}

/** Says aloud that transactions wait for a connection: without `connectTimeoutMS` nothing else ever would. */
export class WaitingForConnection {
  private said = false;

  constructor(private readonly logger: Logger) {}

  /** Once for all that wait at the same time, and again after one of them has got its connection. */
  async watch<T>(connecting: Promise<T>, pool: Pool | undefined): Promise<T> {
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

  private say(pool: Pool | undefined): void {
    if (this.said) return;
    this.said = true;
    const { connectionTimeoutMillis, max } = pool?.options ?? {};
    const patience = connectionTimeoutMillis
      ? `It goes on waiting until ${connectionTimeoutMillis} ms are over (connectTimeoutMS)`
      : 'It waits for ever: set e.g. connectTimeoutMS: 10_000';
    this.logger.warn(
      `A transaction has waited ${LONG_MS} ms for a connection of the DataSource, and ${pool?.waitingCount ?? 0} wait now: ` +
        `all ${max} of its pool (poolSize) are in use, or the database does not answer. ${patience}.`,
    );
  }
}
