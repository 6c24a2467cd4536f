import { LastHour } from './hour';

describe('The last hour', () => {
  it('is what was counted in each minute, the one that is not over too', () => {
    let published = 5;
    const hour = new LastHour(() => ({ 'delivery.published': published, 'receipt.applied': 1 }));
    published = 7;
    hour.turn();
    published = 17;
    expect(hour.hour).toEqual({ published: [2, 10], answered: [0, 0] });
  });

  it('has 60 minutes', () => {
    let published = 0;
    const hour = new LastHour(() => ({ 'delivery.published': published }));
    for (let minute = 1; minute <= 100; minute++) {
      published += minute;
      hour.turn();
    }
    expect(hour.hour.published).toHaveLength(60);
    expect(hour.hour.published.slice(0, 2)).toEqual([42, 43]);
  });
});
