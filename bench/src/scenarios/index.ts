import { backlog } from './backlog';
import { consume } from './consume';
import { growth } from './growth';
import { idle } from './idle';
import { latency } from './latency';
import { memory } from './memory';
import { order } from './order';
import { peers } from './peers';
import { record } from './record';
import { relay } from './relay';
import { roundtrip } from './roundtrip';
import { scale } from './scale';
import type { Scenario } from './scenario';
import { viewed } from './viewed';
import { watched } from './watched';

/** In the order in which `all` runs them. */
export const SCENARIOS: readonly Scenario[] = [
  record,
  relay,
  roundtrip,
  peers,
  latency,
  consume,
  order,
  backlog,
  growth,
  idle,
  memory,
  scale,
  watched,
  viewed,
];
