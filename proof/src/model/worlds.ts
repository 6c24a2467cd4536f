import { PROPERTIES } from './invariants';
import { World } from './state';

/** A world to explore the protocol in, and the properties that must hold there. */
export interface Setting {
  readonly says: string;
  readonly world: World;
  readonly properties: readonly string[];
}

const ALL = PROPERTIES.map(({ id }) => id);
const CALM: World = { relays: 1, handsOff: true, ages: false, deploys: false, contradictions: false };

/** The worlds of the small size. Each has one kind of trouble that the others leave out, and is explored in a second or two. */
export const SMALL_WORLDS = {
  young: {
    says: 'hand-off, one relay, operators; every crash, loss and duplicate',
    world: CALM,
    properties: ALL,
  },
  'two relays': {
    says: 'two relays and no hand-off',
    world: { ...CALM, handsOff: false, relays: 2 },
    properties: ALL,
  },
  ageing: {
    says: 'one relay and no hand-off; horizon and pruning of the inbox',
    world: { ...CALM, handsOff: false, ages: true },
    properties: ALL,
  },
  deploys: {
    says: 'one relay and no hand-off; deploys that remove the consumer’s handler and bring it back',
    world: { ...CALM, handsOff: false, deploys: true },
    properties: ALL,
  },
  contradictions: {
    says: 'one relay and no hand-off; a consumer that contradicts itself. Only what the producer can promise alone is asked',
    world: { ...CALM, handsOff: false, contradictions: true },
    properties: ['I5', 'I8', 'I9', 'I10', 'I11', 'I12', 'I13', 'I14'],
  },
} as const satisfies Record<string, Setting>;

export type SmallWorld = keyof typeof SMALL_WORLDS;

/** The world of the full size: everything an honest consumer can meet, at once. */
export const EVERYTHING: Setting = {
  says: 'hand-off, two relays, horizon and pruning, deploys, operators; every crash, loss and duplicate, all at once',
  world: { relays: 2, handsOff: true, ages: true, deploys: true, contradictions: false },
  properties: ALL,
};
