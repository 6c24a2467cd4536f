import { hostname, userInfo } from 'node:os';
import type { Terminal } from './terminal';

/** Who does it, for the audit: `--by`, TALLYSTICK_ACTOR, or the account on this machine. A claim, not a proof. */
export function actorOf({ env }: Pick<Terminal, 'env'>, by: string | undefined): string {
  return by || env.TALLYSTICK_ACTOR || `${accountName()}@${hostname()}`;
}

/** In a container the account may have no name. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
