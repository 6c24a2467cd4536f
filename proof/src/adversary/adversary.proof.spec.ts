import { connectTestPostgres, connectTestRabbit } from '@tallystick/services';
import { runAdversaries } from './adversary';
import { committed, grown } from './committed';

/** One defence here; `npm run prove -- adversary` has them all. */
it('with both defences, no user of the broker achieves more than SECURITY.md says', async () => {
  const rabbit = connectTestRabbit();
  if (!rabbit.supportsFaults) return; // a broker that was given to us: no users can be added
  const achieved = await runAdversaries({ postgres: connectTestPostgres(), rabbit, defences: ['both'] });
  expect(grown(committed(), achieved)).toEqual([]);
}, 180_000);
