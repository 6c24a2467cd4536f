import { SeededRandom } from '@tallystick/outbox/testing';
import { FAULTS } from './faults';
import { orders } from './orders';
import { Pace, planFaults } from './schedule';

describe('a plan of faults', () => {
  it('follows from the seed alone', () => {
    expect(planFaults(FAULTS, 50, new SeededRandom(3))).toEqual(planFaults(FAULTS, 50, new SeededRandom(3)));
    expect(planFaults(FAULTS, 50, new SeededRandom(4))).not.toEqual(planFaults(FAULTS, 50, new SeededRandom(3)));
  });

  it('has every kind if there is room', () => {
    const names = planFaults(FAULTS, Object.keys(FAULTS).length, new SeededRandom(1)).map(({ name }) => name);
    expect(names.sort()).toEqual(Object.keys(FAULTS).sort());
  });
});

describe('the orders', () => {
  it('have exact shares: 10 % rejected at once, 2 % poison', () => {
    const deck = orders(2_000, new SeededRandom(1));
    const count = (
      matches: (script: { reject?: string; poison?: string; compensateFailTimes?: number }) => unknown,
    ): number => deck.filter(({ script }) => matches(script)).reduce((sum, order) => sum + order.count, 0);
    expect(count(() => true)).toBe(2_000);
    expect(count(({ reject, compensateFailTimes }) => reject && !compensateFailTimes)).toBe(200);
    expect(count(({ poison }) => poison)).toBe(40);
  });
});

describe('the pace', () => {
  it('keeps faults and purchases in step, and lets them wait for neither for ever', () => {
    const pace = new Pace(100, 10);
    let struck = 0;
    for (let steps = 0; !(pace.everythingRecorded && struck === 10); steps++) {
      expect(steps).toBeLessThan(200);
      if (pace.mayRecord()) pace.noteRecorded(1);
      else {
        expect(pace.mayStrike(struck)).toBe(true);
        pace.noteStruck();
        struck++;
      }
      if (pace.everythingRecorded && struck < 10) {
        pace.noteStruck();
        struck++;
      }
    }
  });
});
