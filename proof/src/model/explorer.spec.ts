import { explore, Model, Property } from './explorer';

/** A lamp with a weak bulb: switching it on may break it, and a person can replace it. */
const FIELDS = { lamp: ['off', 'on', 'broken'] } as const;
type State = { readonly lamp: 'off' | 'on' | 'broken' };

const lamp: Model<typeof FIELDS> = {
  fields: FIELDS,
  initial: { lamp: 'off' },
  steps({ lamp }, step) {
    if (lamp === 'off') step('producer', 'It is switched on.', { lamp: 'on' });
    if (lamp === 'on') step('producer', 'It is switched off.', { lamp: 'off' });
    if (lamp === 'on') step('fault', 'The bulb breaks.', { lamp: 'broken' });
    if (lamp === 'broken') step('person', 'The bulb is replaced.', { lamp: 'off' });
  },
};

const shines = (by: 'producer' | 'person'): Property<State> => ({
  kind: 'liveness',
  id: 'shines',
  says: 'It can shine again.',
  by: by === 'person' ? ['producer', 'person'] : ['producer'],
  when: () => true,
  goal: (state) => state.lamp === 'on',
});

describe('explore', () => {
  it('visits every state once and counts the steps between them', () => {
    expect(explore(lamp, [])).toEqual({ states: 3, edges: 4 });
  });

  it('tells the shortest way to a state that breaks an invariant', () => {
    const whole: Property<State> = {
      kind: 'invariant',
      id: 'whole',
      says: 'It is never broken.',
      holds: (state) => state.lamp !== 'broken',
    };
    expect(explore(lamp, [whole]).broken).toEqual({
      property: 'whole',
      trace: ['It is switched on.', 'The bulb breaks.'],
    });
  });

  it('tells the shortest way to a step that breaks a step invariant, and knows its kind', () => {
    const byHand: Property<State> = {
      kind: 'step invariant',
      id: 'by hand',
      says: 'Nobody needs to climb a ladder.',
      watches: ['lamp'],
      holds: (_before, _after, kind) => kind !== 'person',
    };
    expect(explore(lamp, [byHand]).broken?.trace).toEqual([
      'It is switched on.',
      'The bulb breaks.',
      'The bulb is replaced.',
    ]);
  });

  it('finds the state from which only steps that may not be counted on lead to the goal', () => {
    expect(explore(lamp, [shines('producer')]).broken).toEqual({
      property: 'shines',
      trace: ['It is switched on.', 'The bulb breaks.'],
    });
  });

  it('is content when the steps that may be counted on lead to the goal from everywhere', () => {
    expect(explore(lamp, [shines('person')]).broken).toBeUndefined();
  });

  it('explores states that differ only in which twin is which once, and still tells them apart in the trace', () => {
    const fields = { a: ['out', 'in'], b: ['out', 'in'], key: ['free', 'a', 'b'] } as const;
    const room: Model<typeof fields> = {
      fields,
      initial: { a: 'out', b: 'out', key: 'free' },
      twins: { actors: ['a', 'b'], owner: 'key' },
      steps(state, step) {
        for (const who of ['a', 'b'] as const) {
          if (state[who] === 'out') step('producer', `${who} enters.`, { [who]: 'in', key: who });
          else step('producer', `${who} leaves.`, { [who]: 'out' });
        }
      },
    };
    const alone = {
      kind: 'invariant',
      id: 'alone',
      says: '',
      holds: (s: { a: string; b: string }) => s.a !== s.b,
    } as const;
    const notBoth = { ...alone, holds: (s: { a: string; b: string }) => s.a === 'out' || s.b === 'out' };
    expect(explore(room, []).states).toBeLessThan(explore({ ...room, twins: undefined }, []).states);
    expect(explore(room, [notBoth]).broken?.trace).toEqual(['a enters.', 'b enters.']);
  });
});
