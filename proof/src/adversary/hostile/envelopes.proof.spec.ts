import { connectTestPostgres, connectTestRabbit } from '@tallystick/services';
import { type EnvelopesSummary, proveEnvelopes } from './index';

/** A few here; `npm run prove -- adversary --envelopes` sends a hundred thousand. */
describe('hostile envelopes, into everything that running services read', () => {
  let summary: EnvelopesSummary;

  beforeAll(async () => {
    const servers = { postgres: connectTestPostgres(), rabbit: connectTestRabbit() };
    summary = await proveEnvelopes({ envelopes: 400, seed: 1, servers });
    console.log(JSON.stringify(summary, undefined, 2));
  }, 300_000);

  it('leave nothing behind, cost no connection, and keep no purchase from its end', () => {
    expect(summary.over.flatMap(({ problems }) => problems)).toEqual([]);
  });

  it('were hostile, over both transports, and some of those made were good after all', () => {
    expect(summary.over.map(({ transport }) => transport)).toEqual(['rabbitMq', 'direct']);
    for (const { hostile, good } of summary.over) {
      expect(hostile).toBe(200);
      expect(good).toBeGreaterThan(0);
    }
  });
});
