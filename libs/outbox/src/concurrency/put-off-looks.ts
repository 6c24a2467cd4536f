import type { DeliveryKey } from '../message/delivery';
import { keyText } from '../message/envelope';
import type { Clock } from '../ports/clock';

/** Several turns of a fast handler, and nothing that anybody notices if nobody takes the next one. */
const PUT_OFF_MS = 25;

interface Waiting {
  looks: readonly { readonly key: DeliveryKey; readonly since: number }[];
  readonly cancel: () => void;
}

/** One that was leased here, and when. */
interface Taken {
  readonly key: string;
  readonly at: number;
}

/**
 * Looks of those who have recorded a message that is in order (K8), while another one of its line is under way from here. It is not
 * their turn then, and who closes that one takes the next: in a statement that begins after their commit, and sees them. Then
 * the look is not needed, for it was made. If none is taken soon, because somebody else has closed it, the look is made. Where
 * nothing is under way, nothing is put off: a lone message does not wait.
 *
 * Whoever dies meanwhile has not looked, as if he had died right after his commit. A *line* is who is in order with each other.
 */
export class PutOffLooks {
  private readonly waiting = new Map<string, Waiting>();
  /** Of each line the one that was last taken here and may still be under way: the oldest first, and none that is longer ago than a look is put off. */
  private readonly underWay = new Map<string, Taken>();
  /** The line of each of these, by its key. */
  private readonly lines = new Map<string, string>();
  private draining = false;

  constructor(
    private readonly clock: Clock,
    private readonly look: (key: DeliveryKey) => void,
  ) {}

  /** To be called after the commit that recorded `key`. @returns false: nothing is known to be under way, and nothing was put off */
  putOff(key: DeliveryKey, line: string): boolean {
    const now = this.clock.monotonic();
    if (this.draining || now - (this.underWay.get(line)?.at ?? -Infinity) >= PUT_OFF_MS) return false;
    const looks = [{ key, since: now }];
    const waiting = this.waiting.get(line);
    if (waiting) waiting.looks = [...waiting.looks, ...looks];
    else this.waiting.set(line, { looks, cancel: this.clock.schedule(PUT_OFF_MS, () => this.lookNow(line)) });
    return true;
  }

  /** `key`, of this line, is leased, and will be sent from here. @param began when the statement that took it did, or earlier */
  taken(key: DeliveryKey, line: string, began: number): void {
    const waiting = this.waiting.get(line);
    if (waiting) {
      waiting.looks = waiting.looks.filter(({ since }) => since >= began);
      if (waiting.looks.length === 0) this.forgetWaiting(line, waiting);
    }
    const now = this.clock.monotonic();
    for (const [other, { at }] of this.underWay) {
      if (now - at < PUT_OFF_MS) break;
      this.forgetTaken(other);
    }
    this.forgetTaken(line);
    this.underWay.set(line, { key: keyText(key), at: now });
    this.lines.set(keyText(key), line);
  }

  /** It is final, and nobody was taken with it. */
  ended(key: DeliveryKey): void {
    const line = this.lines.get(keyText(key));
    if (line !== undefined) this.forgetTaken(line);
  }

  /** Makes all looks, and puts off none any more. */
  drain(): void {
    this.draining = true;
    for (const line of [...this.waiting.keys()]) this.lookNow(line);
  }

  private lookNow(line: string): void {
    const waiting = this.waiting.get(line)!;
    this.forgetWaiting(line, waiting);
    for (const { key } of waiting.looks) this.look(key);
  }

  private forgetTaken(line: string): void {
    const taken = this.underWay.get(line);
    if (!taken) return;
    this.underWay.delete(line);
    this.lines.delete(taken.key);
  }

  private forgetWaiting(line: string, { cancel }: Waiting): void {
    cancel();
    this.waiting.delete(line);
  }
}
