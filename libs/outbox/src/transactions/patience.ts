import type { Session, Sessions } from './dialect';

/**
 * For START TRANSACTION, COMMIT and ROLLBACK, and for what the library adds to a transaction. A ROLLBACK waits behind a
 * statement that still runs; any of them would wait for ever on a connection that the network forgot.
 */
const PATIENCE_MS = 20_000;

/** Cancels and destroys a session that has not answered in time: whoever waits for it gets an error then. */
export class Patience {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly sessions: Sessions,
    private readonly session: Session,
  ) {}

  begin(): void {
    this.timer ??= setTimeout(() => {
      // In this order: a pooler cancels only for a client that it still has.
      void this.sessions.cancel(this.session).then(() => this.sessions.destroy(this.session));
    }, PATIENCE_MS);
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
