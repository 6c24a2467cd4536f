import type { ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { isCopyOf } from './quarantine';
import type { Queue } from './topology';

const QUARANTINE = {
  name: 'order-service.quarantine',
  binding: { exchange: 'outbox.quarantine', key: 'order-service' },
} as Queue;
const arrived = (exchange: string, passedOn?: unknown): ConsumeMessage =>
  ({ fields: { exchange }, properties: { headers: { 'x-death': passedOn } } }) as unknown as ConsumeMessage;

describe('a copy that came out of the quarantine again', () => {
  it('is known by the exchange that brought it', () => {
    expect(isCopyOf(arrived('outbox.quarantine'), QUARANTINE)).toBe(true);
    expect(isCopyOf(arrived('outbox.receipts'), QUARANTINE)).toBe(false);
  });

  it('is known by the way it took over a queue of somebody else', () => {
    const way = { exchange: 'outbox.quarantine', queue: 'mallory.loop' };
    expect(isCopyOf(arrived('outbox.receipts', [{ exchange: 'other' }, way]), QUARANTINE)).toBe(true);
    expect(isCopyOf(arrived('outbox.receipts', [{ exchange: 'other' }]), QUARANTINE)).toBe(false);
  });

  it('may be put back by a person from the quarantine itself, and is put aside again', () => {
    const way = { exchange: 'outbox.quarantine', queue: 'order-service.quarantine' };
    expect(isCopyOf(arrived('outbox.receipts', [way]), QUARANTINE)).toBe(false);
  });

  it('is not looked for in vain, whatever the header holds: what cannot be put aside comes again for ever', () => {
    const anything = fc.oneof(fc.anything(), fc.array(fc.anything()));
    fc.assert(fc.property(anything, (header) => isCopyOf(arrived('outbox.receipts', header), QUARANTINE) === false));
  });
});
