import type { ConsumeMessage } from 'amqplib';

/** What is being handled must come again, but not before this pause. */
export class ComesAgainError extends Error {
  constructor(
    problem: string,
    readonly pauseMs: number,
  ) {
    super(problem);
  }
}

/** A quorum queue counts what was given back (up to 4.2), or every time it was handed out (4.3). */
const COUNTS = ['x-delivery-count', 'x-acquired-count'];
/** More that fail at the same time are counted by the broker only; so much memory is not given away. */
const MOST_REMEMBERED = 10_000;

/**
 * How often messages came back: by the broker's count where it sends one, and by our own, because not every version and
 * kind of queue does. Both are guesses from below or above, good enough to end what would go on for ever.
 */
export class Returns {
  private readonly noted = new Map<string, number>();

  before(message: ConsumeMessage): number {
    const headers: Readonly<Record<string, unknown>> = message.properties.headers ?? {};
    const counts = [...COUNTS.map((name) => headers[name]), this.noted.get(idOf(message))];
    return Math.max(0, ...counts.filter((count): count is number => Number.isSafeInteger(count)));
  }

  note(message: ConsumeMessage): void {
    const id = idOf(message);
    const count = (this.noted.get(id) ?? 0) + 1;
    this.noted.delete(id); // so that it is remembered as the latest
    this.noted.set(id, count);
    if (this.noted.size > MOST_REMEMBERED) this.noted.delete(this.noted.keys().next().value!);
  }

  forget(message: ConsumeMessage): void {
    this.noted.delete(idOf(message));
  }
}

function idOf({ properties }: ConsumeMessage): string {
  return String(properties.messageId);
}
