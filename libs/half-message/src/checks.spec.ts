import * as fc from 'fast-check';
import { CheckBack, type Log } from './checks';
import type { CheckAnswer, Decision, ParkCode } from './decision';
import type { StoredHalf } from './envelope';

const LIMITS = { pauses: 3, maxChecks: 5, maxAgeMs: 1_000 };
class Ticket {}

/** A shelf and a stage that write down what they are told. */
class World {
  readonly resting: { half: StoredHalf; pause: number }[] = [];
  readonly parked: ParkCode[] = [];
  readonly shown: string[] = [];
  refusal: Error | undefined;
  full = false;
  now = 0;

  readonly log: Log = { parked: (_half, code) => this.parked.push(code), failed: () => {} };

  checkBack(answers: readonly (CheckAnswer | Error)[], type = 'ticket.sold'): CheckBack {
    const left = [...answers];
    const check = (): CheckAnswer => {
      const answer = left.shift() ?? 'not known yet';
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return new CheckBack(
      new Map([[type, { contract: Ticket, check }]]),
      {
        rest: (half, pause) =>
          this.full ? Promise.reject(new Error('no room')) : Promise.resolve(void this.resting.push({ half, pause })),
        park: () => Promise.resolve(),
      },
      {
        isShown: (id) => Promise.resolve(this.shown.includes(id)),
        show: ({ id }) => (this.refusal ? Promise.reject(this.refusal) : Promise.resolve(void this.shown.push(id))),
        isRefusal: (error) => error instanceof RangeError,
      },
      LIMITS,
      () => this.now,
      this.log,
    );
  }

  /** Brings it back as the broker does, until nothing of it rests any more. @returns the last decision */
  async toItsEnd(checkBack: CheckBack, half: StoredHalf): Promise<Decision> {
    let decision = await checkBack.step(half);
    for (let next = this.resting.shift(); next; next = this.resting.shift()) decision = await checkBack.step(next.half);
    return decision;
  }
}

const HALF: StoredHalf = { id: 'a', type: 'ticket.sold', payload: '{}', checks: 0, born: 0 };

describe('A half message that is asked about', () => {
  let world: World;
  beforeEach(() => (world = new World()));

  it('is shown when its work was committed, and forgotten when it was rolled back', async () => {
    expect(await world.checkBack(['committed']).step(HALF)).toEqual({ kind: 'show' });
    expect(world.shown).toEqual(['a']);
    expect(await world.checkBack(['rolled back']).step({ ...HALF, id: 'b' })).toEqual({ kind: 'forget' });
    expect(world.shown).toEqual(['a']);
  });

  it('is forgotten without a question when it is shown already', async () => {
    world.shown.push('a');
    expect(await world.checkBack([new Error('nobody may ask')]).step(HALF)).toEqual({ kind: 'forget' });
    expect(world.resting).toEqual([]);
  });

  it('rests for the next pause while nobody knows, the last one again and again, and is parked in the end', async () => {
    const checkBack = world.checkBack([]);
    const pauses: number[] = [];
    let half = HALF;
    for (;;) {
      const decision = await checkBack.step(half);
      const next = world.resting.shift();
      if (!next) {
        expect(decision).toEqual({ kind: 'park', code: 'NOT_KNOWN' });
        break;
      }
      pauses.push(next.pause);
      half = next.half;
    }
    expect(pauses).toEqual([1, 2, 2, 2]);
    expect(world.parked).toEqual(['NOT_KNOWN']);
  });

  it('is not known of where the checker fails, or where nobody here checks its type', async () => {
    expect(await world.checkBack([new Error('the database is away')]).step(HALF)).toMatchObject({ kind: 'ask again' });
    expect(await world.checkBack(['committed'], 'another.type').step(HALF)).toMatchObject({ kind: 'ask again' });
    expect(world.shown).toEqual([]);
  });

  it('is left to a person when it is older than anybody remembers, and when its content is refused by now', async () => {
    world.now = 1_001;
    expect(await world.checkBack(['committed']).step(HALF)).toEqual({ kind: 'park', code: 'TOO_OLD' });
    world.now = 0;
    world.refusal = new RangeError('a field is missing');
    expect(await world.checkBack(['committed']).step(HALF)).toEqual({ kind: 'park', code: 'UNREADABLE' });
    expect(world.shown).toEqual([]);
  });

  it('rests for the same pause again, uncounted, when it could not be shown', async () => {
    const away = { ...HALF, checks: 1 };
    world.refusal = new Error('the database is away');
    expect(await world.checkBack(['committed']).step(away)).toEqual({ kind: 'ask again', pause: 1 });
    expect(world.resting).toEqual([{ half: away, pause: 1 }]);
    world.refusal = undefined;
    await world.toItsEnd(world.checkBack(['committed']), world.resting.shift()!.half);
    expect(world.shown).toEqual(['a']);
  });

  it('comes again as it is when nobody keeps it', async () => {
    world.full = true;
    await expect(world.checkBack([]).step(HALF)).rejects.toThrow('no room');
  });

  it('ends after at most `maxChecks` questions, and is shown if, and only if, the first who knew said committed', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<CheckAnswer>('committed', 'rolled back', 'not known yet'), { maxLength: 8 }),
        async (answers) => {
          const each = new World();
          const end = await each.toItsEnd(each.checkBack(answers), HALF);
          const first = answers.slice(0, LIMITS.maxChecks).find((answer) => answer !== 'not known yet');
          expect(each.shown).toEqual(first === 'committed' ? ['a'] : []);
          expect(end.kind).toBe(first === undefined ? 'park' : first === 'committed' ? 'show' : 'forget');
        },
      ),
    ));
});
