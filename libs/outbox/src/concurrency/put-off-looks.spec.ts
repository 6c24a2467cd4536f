import { VirtualClock } from '../testing/memory/virtual-clock';
import { PutOffLooks } from './put-off-looks';

const LINE = 'audit-service user-service a';
const key = (messageId: string) => ({ messageId, consumer: 'audit-service' });

describe('a look of whoever has recorded one in order', () => {
  let clock: VirtualClock;
  let looked: string[];
  let looks: PutOffLooks;

  beforeEach(() => {
    clock = new VirtualClock();
    looked = [];
    looks = new PutOffLooks(clock, ({ messageId }) => void looked.push(messageId));
  });

  /** A statement begins, and takes one of the line a millisecond later. */
  async function take(line = LINE, taken = 'first'): Promise<void> {
    const began = clock.monotonic();
    await clock.advance(1);
    looks.taken(key(taken), line, began);
  }

  it('is not put off if nothing of its line was taken here, or not lately', async () => {
    expect(looks.putOff(key('first'), LINE)).toBe(false);
    await take();
    expect(looks.putOff(key('of another line'), 'audit-service user-service b')).toBe(false);
    await clock.advance(25);
    expect(looks.putOff(key('late'), LINE)).toBe(false);
    expect(looked).toEqual([]);
  });

  it('is not put off when the one that was taken here has ended: nobody else would make it', async () => {
    await take(LINE, 'first');
    await take(LINE, 'second');
    looks.ended(key('first'));
    expect(looks.putOff(key('third'), LINE)).toBe(true);
    looks.ended(key('second'));
    expect(looks.putOff(key('fourth'), LINE)).toBe(false);
  });

  it('is not needed when the next of its line is taken by a statement that began after it', async () => {
    await take();
    expect(looks.putOff(key('second'), LINE)).toBe(true);
    await clock.advance(1);
    await take();
    await clock.advance(1_000);
    expect(looked).toEqual([]);
  });

  it('is made in time if the statement that takes the next had begun before: it may not have seen it', async () => {
    await take();
    const began = clock.monotonic();
    looks.putOff(key('second'), LINE);
    await clock.advance(1);
    looks.taken(key('first'), LINE, began);
    await clock.advance(23);
    expect(looked).toEqual([]);
    await clock.advance(1);
    expect(looked).toEqual(['second']);
  });

  it('is made in time if nobody here takes the next: somebody else has closed the one before', async () => {
    await take();
    looks.putOff(key('second'), LINE);
    await clock.advance(1);
    await take('audit-service user-service b');
    await clock.advance(1_000);
    expect(looked).toEqual(['second']);
  });

  it('is made with all others of its line that were recorded meanwhile, no later than for the first', async () => {
    await take();
    looks.putOff(key('second'), LINE);
    await clock.advance(20);
    looks.putOff(key('third'), LINE);
    await clock.advance(5);
    expect(looked).toEqual(['second', 'third']);
    await clock.advance(1_000);
    expect(looked).toEqual(['second', 'third']);
  });

  it('is still made for the last one if only the one before it was seen', async () => {
    await take();
    looks.putOff(key('second'), LINE);
    await clock.advance(1);
    const began = clock.monotonic();
    looks.putOff(key('third'), LINE);
    looks.taken(key('first'), LINE, began);
    await clock.advance(25);
    expect(looked).toEqual(['third']);
  });

  it('is made at once when the process ends, and no longer put off', async () => {
    await take();
    looks.putOff(key('second'), LINE);
    looks.drain();
    expect(looked).toEqual(['second']);
    await take();
    expect(looks.putOff(key('third'), LINE)).toBe(false);
    await clock.advance(1_000);
    expect(looked).toEqual(['second']);
  });
});
