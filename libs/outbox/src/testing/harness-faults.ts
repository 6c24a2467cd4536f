import { type Fate, type FaultPlan, fates, type Passage } from './memory/fates';
import { CANCEL_TYPE, RECEIPT_TYPE } from '../message/envelope';

/** What travels: a message (request or announcement), a cancel, a receipt. */
export type Travelling = 'message' | 'cancel' | 'receipt';

interface Planned {
  readonly what: Travelling;
  readonly fate: Fate;
  left: number;
}

/** Faults of the broker, planned one after the other: each strikes the next `times` (1) envelopes of its kind. */
export class HarnessFaults {
  private planned: Planned[] = [];
  private readonly silent = new Set<string>();

  /** Confirmed, and then lost. */
  lose(what: Travelling, times = 1): this {
    return this.next(what, fates.lost(), times);
  }

  /** Arrives twice; the second time after `againAfterMs`. */
  duplicate(what: Travelling, againAfterMs = 0, times = 1): this {
    return this.next(what, fates.duplicated(againAfterMs), times);
  }

  /** Arrives late, and so behind others that were sent after it. */
  delay(what: Travelling, ms: number, times = 1): this {
    return this.next(what, fates.delayed(ms), times);
  }

  /** Arrives, but the confirm is lost: the sender cannot know. */
  loseConfirm(what: Travelling, times = 1): this {
    return this.next(what, fates.unknown(0), times);
  }

  /** Comes back as unroutable. */
  return(what: Travelling, times = 1): this {
    return this.next(what, fates.returned(), times);
  }

  /** The broker says no. */
  refuse(what: Travelling, times = 1): this {
    return this.next(what, fates.refused(), times);
  }

  /** Half-open: nothing that is sent to this service arrives, and no confirm comes, until `clear`. */
  silence(service: string): this {
    this.silent.add(service);
    return this;
  }

  /** Nothing of what was planned happens any more. */
  clear(): void {
    this.planned = [];
    this.silent.clear();
  }

  /** Given to the broker. */
  readonly plan: FaultPlan = (passage) => {
    if (this.silent.has(passage.routingKey.split('.')[0]!)) return fates.silent();
    const planned = this.planned.find(({ what }) => what === kindOf(passage));
    if (!planned) return undefined;
    planned.left -= 1;
    if (planned.left === 0) this.planned = this.planned.filter((each) => each !== planned);
    return planned.fate;
  };

  private next(what: Travelling, fate: Fate, times: number): this {
    this.planned.push({ what, fate, left: times });
    return this;
  }
}

function kindOf({ wire }: Passage): Travelling {
  if (wire.type === RECEIPT_TYPE) return 'receipt';
  return wire.type === CANCEL_TYPE ? 'cancel' : 'message';
}
