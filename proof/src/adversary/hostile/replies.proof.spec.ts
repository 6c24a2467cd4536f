import { connectTestPostgres } from '@tallystick/services';
import { proveReplies } from './index';

/** A few here; `npm run prove -- adversary --envelopes` has one for fifty envelopes. */
it('somebody false who is called as a consumer decides nothing, and holds up nobody else', async () => {
  const { problems, ...figures } = await proveReplies({ postgres: connectTestPostgres(), replies: 200, seed: 1 });
  console.log(JSON.stringify(figures));
  expect(problems).toEqual([]);
  expect(figures.hostile).toBeGreaterThanOrEqual(200);
}, 180_000);
