import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MissingDependencyError } from '../errors';

const OLDEST = [1, 1] as const;

/**
 * An older TypeORM boots, and then does not tell its subscribers what the guards must know: writes past the open
 * transaction and commits that saved nothing would go unnoticed.
 * @throws MissingDependencyError
 */
export function requireTypeOrm(version = installed()): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new MissingDependencyError(
    `TypeORM ${version} is installed; Tallystick needs ${OLDEST.join('.')} or later, because older ones do not tell what its ` +
      'guards must see. Run: npm install typeorm@1',
  );
}

/** From the file: the package does not export it. Undefined where there is none, as in a bundle. */
function installed(): string | undefined {
  try {
    const folder = dirname(createRequire(__filename).resolve('typeorm'));
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string }).version;
  } catch {
    return undefined;
  }
}
