import { createRequire } from 'node:module';
import { MissingDependencyError } from './errors';

/**
 * An optional peer of the package, loaded when it is needed and not before.
 * @param needed who needs it, and what to install
 * @throws MissingDependencyError
 */
export function loadPeer<Peer>(name: string, needed: string): Peer {
  try {
    return createRequire(__filename)(name) as Peer;
  } catch (cause) {
    throw new MissingDependencyError(needed, { cause });
  }
}
