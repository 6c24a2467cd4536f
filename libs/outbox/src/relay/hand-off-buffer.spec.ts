import { AsyncLocalStorage } from 'node:async_hooks';
import { SeededRandom } from '../testing/memory/seeded-random';
import { VirtualClock } from '../testing/memory/virtual-clock';
import { HandOffBuffer } from './hand-off-buffer';

describe('the hand-off', () => {
  it('is where the caller\u2019s request ends: whatever it wakes runs in nobody\u2019s', () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const limits = { capacity: 10, leaseMs: 30_000, publishTimeoutMs: 1_000 };
    const buffer = new HandOffBuffer(new VirtualClock(), new SeededRandom(1), limits, () => true);
    buffer.onHanded = () => void seen.push(request.getStore());
    buffer.onWake = () => void seen.push(request.getStore());
    buffer.onLate = () => void seen.push(request.getStore());

    request.run('ada', () => {
      const [now, late] = [buffer.reserve(1)!, buffer.reserve(1)!];
      now.hand([]);
      buffer.wake();
      buffer.close();
      late.hand([]);
    });

    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});
