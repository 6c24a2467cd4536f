import { ADVERSARIES, type Adversary } from './adversary';
import { committed, committedTable, grown, table } from './committed';

describe('what SECURITY.md says an adversary can do', () => {
  it('is the table of what was achieved', () => {
    expect(committedTable()).toBe(table(committed()));
  });

  it('is something, where nothing is defended, and nothing for who has no permission', () => {
    const achieved = committed();
    expect(achieved.neither['the user of another service'].length).toBeGreaterThan(0);
    for (const byAdversary of Object.values(achieved)) expect(byAdversary['no permission']).toEqual([]);
  });

  it.each(Object.keys(ADVERSARIES) as Adversary[])('has grown when %s achieves something new', (who) => {
    const achieved = committed();
    const now = { both: { ...achieved.both, [who]: [...achieved.both[who], 'a new attack: order denied'] } };
    expect(grown(achieved, achieved)).toEqual([]);
    expect(grown(achieved, now)).toEqual([`with both, who has ${who}: a new attack: order denied`]);
  });
});
