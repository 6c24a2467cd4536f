import type { Fault } from '../service/steps';
import type { OrderSide, Side, UserSide } from '../service/context';

/** What both databases say when nothing moves any more. */
export type Ending =
  /** No cent and no piece is missing, and nothing is half done. */
  | 'consistent'
  /** Paid for, and neither order nor refund. */
  | 'money lost'
  /** Refunded more than once, or besides the order. */
  | 'money made'
  /** The sums are right, but something is held or pending that nobody will ever touch again. */
  | 'stuck';

/** While the process is dead: can somebody else buy from the same account? */
export type Bystander = 'free' | 'waits';

export interface Expected {
  readonly bystander: Bystander;
  readonly ending: Ending;
}

/** A place where a process can be hurt. */
export interface Step {
  readonly at: Side;
  /** What is true here, in a sentence. */
  readonly when: string;
}

/** One row of the crash matrix: an experiment with its expected result. */
export interface Trial {
  readonly step: string;
  readonly action: Fault;
  /** A purchase that order-service rejects. @default false */
  readonly rejected?: boolean;
  /** A rule that is switched off: {@link Protocol.rules}. */
  readonly without?: string;
  /** What is held up waits until the same process gets here with something else, and goes on then; or until it dies here. */
  readonly meanwhile?: { readonly step: string; readonly action: 'pass' | 'die' };
  /** Where the process then dies, if it gets there. */
  readonly thenDies?: string;
  readonly expected: Expected;
}

/** Something that is away for a while. */
export const OUTAGES = ['broker', 'order-service', 'order database', 'user-service'] as const;
export type Outage = (typeof OUTAGES)[number];

/** What the shopper is told while something is away. *nothing*: no answer, or an error: the shopper does not know. */
export type Told = 'completed' | 'rejected' | 'accepted' | 'nothing';

/** One cell of table C: an experiment with its expected result. */
export interface OutageTrial {
  readonly away: Outage;
  /** A rule that is switched off: {@link Protocol.rules}. */
  readonly without?: string;
  /** What the shopper is told: one of these. Where two may decide, either may be first. */
  readonly told: readonly Told[];
  readonly expected: Expected;
}

/** What a team has to write and to run, beyond the business that all protocols share. */
export interface Effort {
  readonly tables: string;
  readonly handlers: string;
  readonly compensations: string;
  /** Who sees to it that nothing is done twice. */
  readonly idempotency: string;
}

/** One way to make a purchase in two databases. */
export interface Protocol {
  readonly name: string;
  readonly title: string;
  /** In one sentence. */
  readonly idea: string;
  /** DDL beyond the tables of the business. */
  tables(): Promise<Readonly<Record<Side, string>>>;
  /** What a reader wants to see of them, as queries. */
  readonly show: Readonly<Record<Side, readonly string[]>>;
  readonly broker: boolean;
  /** In the order in which a purchase meets them. */
  readonly steps: Readonly<Record<string, Step>>;
  /** Rules that can be switched off, and what they are for. */
  readonly rules: Readonly<Record<string, string>>;
  readonly trials: readonly Trial[];
  /** At which step user-service stands still when it is away. */
  readonly midway: string;
  /** None for what it does not need. */
  readonly outages: readonly OutageTrial[];
  readonly effort: Effort;
  /** Loaded only by the processes that run it. */
  load(): Promise<{ readonly user: UserSide; readonly order: OrderSide }>;
}

/** The process dies there. */
export function dies(step: string, ending: Ending = 'consistent', bystander: Bystander = 'free'): Trial {
  return { step, action: 'die', expected: { bystander, ending } };
}

/** It dies there in a purchase that is rejected. */
export function diesRejecting(step: string, ending: Ending = 'consistent', bystander: Bystander = 'free'): Trial {
  return { ...dies(step, ending, bystander), rejected: true };
}

/** What got there waits; the rest of its process goes on. */
export function heldUp(step: string, more: Partial<Trial> = {}, ending: Ending = 'consistent'): Trial {
  return { step, action: 'hold', ...more, expected: { bystander: 'free', ending } };
}

/** It is away, and nobody else is kept waiting. */
export function away(what: Outage, told: Told, ending: Ending = 'consistent'): OutageTrial {
  return { away: what, told: [told], expected: { bystander: 'free', ending } };
}
