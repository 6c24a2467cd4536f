import { bestEffortNotification } from './best-effort-notification';
import { halfMessage } from './half-message';
import { localMessageTable } from './local-message-table';
import { naive } from './naive';
import type { Protocol } from './protocol';
import { saga } from './saga';
import { tcc } from './tcc';
import { twoPhaseCommit } from './two-phase-commit';

/**
 * All that run on real databases, in the order in which they are taught. Another one is a folder beside these and a line
 * here. Three-phase commit is not among them: no database has its states, so it is simulated.
 */
export const PROTOCOLS: readonly Protocol[] = [
  naive,
  localMessageTable,
  twoPhaseCommit,
  tcc,
  saga,
  halfMessage,
  bestEffortNotification,
];

export function findProtocol(name: string): Protocol {
  const found = PROTOCOLS.find((each) => each.name === name);
  if (!found) throw new Error(`There is no protocol ${name}.`);
  return found;
}
