import { Window } from './window';

describe('Window', () => {
  it('lets one consumer hold at most half, so that another always gets in', () => {
    const window = new Window(4);
    expect([window.enter('dead'), window.enter('dead'), window.enter('dead')]).toEqual([true, true, false]);
    expect(window.full()).toEqual(['dead']);
    expect([window.enter('alive'), window.enter('alive'), window.enter('alive')]).toEqual([true, true, false]);
    window.leave('alive');
    expect(window.use()).toEqual({ size: 4, share: 2, inUse: { dead: 2, alive: 1 } });
  });

  it('says how many rows fit even if all are for one consumer', () => {
    const window = new Window(8);
    expect(window.claimable()).toBe(4);
    window.enter('a');
    expect(window.claimable()).toBe(3);
    for (let i = 0; i < 3; i++) window.enter('a');
    // 'a' is full and will be left out of the claim.
    expect(window.claimable()).toBe(4);
  });

  it('tells when there is room, and when nothing is in flight', async () => {
    const window = new Window(2);
    window.enter('a');
    const events: string[] = [];
    const room = window.room().then(() => events.push('room'));
    const empty = window.empty().then(() => events.push('empty'));
    await Promise.resolve();
    expect(events).toEqual([]);
    window.leave('a');
    await Promise.all([room, empty]);
    expect(window.inFlight).toBe(0);
  });
});
