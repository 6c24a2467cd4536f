/**
 * Time and chance of this process. Injected everywhere, so that a simulation can own both.
 *
 * Only *monotonic* time is offered: it measures how long something took. What time it *is*, is asked of the database,
 * in SQL, so that machines with wrong clocks agree.
 */
export interface Clock {
  /** Milliseconds since some fixed moment of this process; never goes back. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs`. Does not keep the process alive. Returns a function that cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A UUIDv7: new, and roughly ordered by time, which keeps index pages together. Nothing relies on the order. */
  id(): string;
  /** A lease token: new and unguessable. */
  token(): string;
}
