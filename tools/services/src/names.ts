import { randomBytes } from 'node:crypto';

/** A name nobody else uses, valid for a database, a virtual host and a container. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${randomBytes(5).toString('hex')}`;
}
