import { contractOf, OutboxMessage } from '../message/contract';
import { inConversation } from '../message/conversation';
import type { RecordedMessage } from '../message/delivery';
import { SeededRandom } from '../testing/memory/seeded-random';
import { type Draft, draftOf } from './draft';

@OutboxMessage({ type: 'order.requested', to: ['order-service', 'mail-service'], deadline: '1h' })
class OrderRequested {
  sku = 'moonstone';
}
@OutboxMessage({ type: 'news', listeners: 'optional' })
class News {}
@OutboxMessage<'user', OrderPlaced>({ type: 'order.placed', to: 'order-service', key: 'user', ordered: true })
class OrderPlaced {
  user?: string = 'ada';
}

const DAY = 86_400_000;
const SETTINGS = { service: 'user-service', maxPayloadBytes: 1_000, giveUpAfterMs: 7 * DAY, horizonMs: 14 * DAY };
const ID = '0190E0C0-0000-7000-8000-000000000001';

const draft = (
  data: object = new OrderRequested(),
  options: { id?: string; delay?: string; headers?: Record<string, string> } = {},
): Promise<Draft> =>
  draftOf(SETTINGS, new SeededRandom(1), contractOf(data.constructor as typeof OrderRequested) as never, data, options);

describe('a message that can be recorded', () => {
  it('has a delivery for each consumer, or one for everybody', async () => {
    const consumers = async (data: object) => (await draft(data)).deliveries.map(({ consumer }) => consumer);
    expect(await consumers(new OrderRequested())).toEqual(['order-service', 'mail-service']);
    expect(await consumers(new News())).toEqual(['*']);
  });

  it('carries the contract’s deadline, the service’s budget, and an id in small letters', async () => {
    expect(await draft(undefined, { id: ID })).toMatchObject({
      ...{ id: ID.toLowerCase(), source: 'user-service', deadlineMs: 3_600_000, giveUpAfterMs: 7 * DAY, delayMs: 0 },
      payload: '{"sku":"moonstone"}',
    });
  });

  it('goes on with the conversation of the message that is being handled, and the caller’s headers win', async () => {
    const cause = { id: 'cause', headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } };
    const headers = await inConversation(cause as unknown as RecordedMessage, async () => (await draft()).headers);
    expect(Object.values(headers)).toEqual(expect.arrayContaining(['cause', cause.headers.traceparent]));
    expect((await draft()).headers).toEqual({});
  });
});

describe('is refused, for its readers would refuse it later:', () => {
  it.each([
    ['an id that is none', { id: 'order-1' }, 'must be a UUID'],
    ['a delay that is none', { delay: 'soon' }, 'is no duration'],
    ['a delay of half the horizon', { delay: '7d' }, 'must be shorter than half the horizon'],
    ['a delay beyond its deadline', { delay: '2h' }, 'it would be cancelled before it is sent'],
    ['a header of ours', { headers: { 'x-death': '1' } }, 'is reserved'],
    ['more headers than travel', { headers: { tenant: 'a'.repeat(4_096) } }, 'Put data into the payload'],
  ])('%s', async (_, options, problem) => {
    await expect(draft(undefined, options)).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining(problem),
    });
  });

  it('one that is to be in order without a key', async () => {
    const placed = new OrderPlaced();
    placed.user = undefined;
    await expect(draft(placed)).rejects.toThrow('is to be in order, and has no key');
  });
});
