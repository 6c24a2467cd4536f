import { connectTestPostgres, connectTestRabbit } from '@tallystick/services';
import { runAdversaryControls } from './controls';

/** One check here; `npm run prove -- adversary-controls` takes them all out, one at a time. */
it('without a check, the adversary gets through that it stops', async () => {
  const rabbit = connectTestRabbit();
  if (!rabbit.supportsFaults) return; // a broker that was given to us: no users can be added
  const servers = { postgres: connectTestPostgres(), rabbit };
  const { controls } = await runAdversaryControls({ servers, checks: ['a queue yields only what it is for'] });
  expect(controls[0]!.throughWithout).toEqual([
    'with neither, who has may write receipts: orders through the exchange of receipts: ordered without payment',
  ]);
}, 180_000);
