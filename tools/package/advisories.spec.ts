import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Known advisories against what an installation of the library brings along, kept by hand in `advisories.json`, because
 * `npm audit` needs a registry that answers it. A new dependency must be looked up before this is green again.
 */
interface Advisory {
  readonly id: string;
  readonly affected: readonly { readonly from?: string; readonly before: string }[];
  readonly about: string;
}
interface Locked {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
}
const root = join(__dirname, '../..');
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const known = (read('tools/package/advisories.json') as { packages: Record<string, Advisory[]> }).packages;
const { packages } = read('package-lock.json') as { packages: Record<string, Locked> };

/** As Node resolves it: from the folder of whoever asks, upwards. */
function find(name: string, from: string): string {
  for (let at = from; ; at = at.slice(0, Math.max(at.lastIndexOf('/'), 0))) {
    const path = join(at, 'node_modules', name);
    if (packages[path]) return path;
    if (at === '') throw new Error(`package-lock.json does not have ${name}, which ${from} needs`);
  }
}

/** What `npm install @tallystick/outbox` brings along: path in the lock file → name. */
function brought(): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    for (const name of Object.keys(packages[path]!.dependencies ?? {})) {
      const at = find(name, path);
      if (found.has(at)) continue;
      found.set(at, name);
      visit(at);
    }
  };
  visit('libs/outbox');
  return found;
}

/** Versions in the lock file are exact, so numbers are all there is to compare. */
const older = (a: string, b: string): boolean => a.localeCompare(b, 'en', { numeric: true }) < 0;
const isAffected = (version: string, { affected }: Advisory): boolean =>
  affected.some(({ from = '0', before }) => older(version, before) && !older(version, from));

describe('what the library brings along', () => {
  it('has been looked up, package by package', () => {
    expect(Object.keys(known).sort()).toEqual([...new Set(brought().values())].sort());
  });

  it.each([...brought()])('%s is outside of every known advisory', (path, name) => {
    const { version } = packages[path]!;
    expect((known[name] ?? []).filter((advisory) => isAffected(version, advisory))).toEqual([]);
  });

  it('is not judged by the order of letters', () => {
    const [advisory] = known.uuid!;
    const affected = (version: string): boolean => isAffected(version, advisory!);
    expect(['9.0.1', '11.1.0', '12.0.0', '13.0.0'].map(affected)).toEqual([true, true, true, true]);
    expect(['11.1.1', '12.0.1', '13.0.1', '14.0.3'].map(affected)).toEqual([false, false, false, false]);
  });
});
