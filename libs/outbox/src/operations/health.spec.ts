import { OutboxHealth } from './health';

describe('OutboxHealth', () => {
  const store = { oldestDueMs: async () => 0 } as never;
  const transport = { name: 'test', ready: true } as never;
  const at = (claimOverdueMs: number) =>
    new OutboxHealth('user-service', store, transport, () => ({ claimOverdueMs, refused: 0, returned: 0 })).check();

  it('is degraded, and says for how long, when the relay gets no answer to its claims', async () => {
    expect(await at(0)).toMatchObject({ status: 'up', claimOverdueMs: 0 });
    expect(await at(9_999)).toMatchObject({ status: 'up' });
    expect(await at(10_000)).toMatchObject({ status: 'degraded', claimOverdueMs: 10_000 });
  });
});
