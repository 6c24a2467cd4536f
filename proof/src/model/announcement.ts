import { StateOf } from './codec';
import { SideRemoval } from './chapters';
import { Model, Property } from './explorer';

/** The rules of an announcement as switches, as in `rules.ts`. */
export const ANNOUNCEMENT_RULES = {
  inboxKey: 'The inbox has one row per consumer and message.',
  failureKeepsCopy:
    'After a technical failure the subscriber keeps the copy, unacked, tries again, and then moves it to its quarantine.',
  quarantineBeforeAck: 'The copy is acked only after the quarantine confirmed it.',
  returnedIsNotDelivered: 'A publish that no queue took is not *delivered*.',
} as const;

export type AnnouncementRule = keyof typeof ANNOUNCEMENT_RULES;

/** Each rule removed, and the property that breaks. */
export const ANNOUNCEMENT_REMOVALS: readonly SideRemoval<AnnouncementRule>[] = [
  { id: 'A1', without: ['inboxKey'], breaks: 'PA1' },
  { id: 'A2', without: ['failureKeepsCopy'], breaks: 'PA2', thereafter: 'The row is delivered and the copy is gone.' },
  {
    id: 'A3',
    without: ['quarantineBeforeAck'],
    breaks: 'PA2',
    thereafter: 'The row is delivered and the copy is gone.',
  },
  {
    id: 'A4',
    without: ['returnedIsNotDelivered'],
    breaks: 'PA2',
    thereafter: 'The row is delivered; when the subscriber boots, nobody sends it anything.',
  },
];

const FIELDS = {
  delivery: ['pending', 'delivered', 'parked'],
  /** The subscriber may boot, and declare its queue, after the message was recorded. */
  queueBound: [false, true],
  copy: [false, true],
  /** The subscriber has given the copy up, but the quarantine does not have it yet. */
  movingToQuarantine: [false, true],
  quarantined: [false, true],
  inbox: ['none', 'accepted'],
  effects: [0, 1, 2],
} as const;

type State = StateOf<typeof FIELDS>;

/** What an announcement must not do, and what must stay possible. The operator may help: quarantine and parked need a person. */
export const ANNOUNCEMENT_PROPERTIES: readonly Property<State>[] = [
  { kind: 'invariant', id: 'PA1', says: 'The subscriber’s effect happens at most once.', holds: (s) => s.effects <= 1 },
  {
    kind: 'liveness',
    id: 'PA2',
    says: 'No silent loss: the effect happened, or can still happen.',
    by: ['producer', 'exchange', 'person'],
    when: () => true,
    goal: (s) => s.effects === 1,
  },
];

/**
 * One announcement and one subscriber. Nobody waits for a receipt and the producer's row ends at *delivered*, so from
 * then on the copy is all there is: this model trusts the broker to keep what it confirmed, where that of a request does
 * not.
 */
export function announcement(without: readonly AnnouncementRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: AnnouncementRule) => !without.includes(rule);
  return {
    fields: FIELDS,
    initial: {
      ...{ delivery: 'pending', queueBound: false, copy: false, movingToQuarantine: false, quarantined: false },
      ...{ inbox: 'none', effects: 0 },
    },
    steps(s, step) {
      if (!s.queueBound) step('exchange', 'The subscriber boots and declares its queue.', { queueBound: true });
      if (s.delivery === 'pending' && s.queueBound) {
        step('exchange', 'The relay publishes; confirmed and routed: the row is delivered.', {
          delivery: 'delivered',
          copy: true,
        });
        step('fault', 'The relay publishes, but misses the confirm; the row stays pending.', { copy: true });
      }
      if (s.delivery === 'pending' && !s.queueBound) {
        if (keeps('returnedIsNotDelivered')) {
          step('time', 'The publish is returned until the attempts are used up: the row is parked.', {
            delivery: 'parked',
          });
        } else {
          step('exchange', 'The publish is returned, nobody is bound: the row is delivered.', {
            delivery: 'delivered',
          });
        }
      }
      if (s.delivery === 'parked')
        step('person', 'An operator calls retry(id): the row is pending.', { delivery: 'pending' });
      if (s.quarantined) {
        step('person', 'An operator replays the quarantine.', { quarantined: false, copy: true });
      }
      if (s.movingToQuarantine) {
        step('exchange', 'The quarantine confirms the copy; it is acked.', {
          ...{ movingToQuarantine: false, quarantined: true, copy: false },
        });
        step('fault', 'The subscriber dies before the quarantine has the copy.', { movingToQuarantine: false });
      }
      if (!s.copy) return;
      if (s.inbox !== 'none' && keeps('inboxKey')) {
        step('exchange', 'A copy arrives: the inbox knows it; acked.', { copy: false });
        return;
      }
      const effect = { inbox: 'accepted', effects: s.effects === 0 ? 1 : 2 } as const;
      step('exchange', 'A copy arrives: effect and inbox row commit; acked.', { ...effect, copy: false });
      step('fault', 'A copy arrives: effect and inbox row commit; a crash before the ack.', effect);
      if (!keeps('failureKeepsCopy')) {
        const what = 'A copy arrives: the handler fails for a technical reason; acked, and *deferred* has no address.';
        step('fault', what, { copy: false });
      } else if (!s.movingToQuarantine) {
        const acked = keeps('quarantineBeforeAck') ? {} : { copy: false };
        const what = acked.copy === false ? 'is acked and on its way' : 'is on its way';
        step('fault', `A copy arrives: the handler fails again and again; the copy ${what} to the quarantine.`, {
          ...{ movingToQuarantine: true },
          ...acked,
        });
      }
    },
  };
}
