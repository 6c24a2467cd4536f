import type { OutboxEventName } from '@tallystick/outbox';
import type { Hour } from './page';

const MINUTES = 60;
const MINUTE_MS = 60_000;

type Counters = () => Readonly<Partial<Record<OutboxEventName, number>>>;
interface Mark {
  readonly published: number;
  readonly answered: number;
}

/** What this process did in each of the last 60 minutes. It comes from counters the library keeps anyway, so nothing is queried. */
export class LastHour {
  private readonly marks: Mark[];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly counters: Counters) {
    this.marks = [this.now()];
  }

  start(): void {
    this.timer = setInterval(() => this.turn(), MINUTE_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** A minute is over. */
  turn(): void {
    this.marks.push(this.now());
    if (this.marks.length > MINUTES) this.marks.shift();
  }

  /** The oldest first; the last one is the minute that is not over. */
  get hour(): Hour {
    const marks = [...this.marks, this.now()];
    const steps = (name: keyof Mark): number[] => marks.slice(1).map((mark, at) => mark[name] - marks[at]![name]);
    return { published: steps('published'), answered: steps('answered') };
  }

  private now(): Mark {
    const counted = this.counters();
    return { published: counted['delivery.published'] ?? 0, answered: counted['receipt.applied'] ?? 0 };
  }
}
