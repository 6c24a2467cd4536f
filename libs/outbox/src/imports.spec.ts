import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/** Which file of the library imports which, for values or for types. */
const imports = new Map(
  readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(name))
    .map((name) => join(__dirname, name))
    .map((file) => [
      file,
      ts
        .preProcessFile(readFileSync(file, 'utf8'))
        .importedFiles.map(({ fileName }) => fileName)
        .filter((name) => name.startsWith('.'))
        .map((name) => fileOf(resolve(dirname(file), name))),
    ]),
);

function fileOf(path: string): string {
  return existsSync(`${path}.ts`) ? `${path}.ts` : join(path, 'index.ts');
}

const named = (file: string): string => relative(__dirname, file);

/** Everything that is loaded with a file, and the file itself. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of imports.get(file)!) loadedBy(next, seen);
  return seen;
}

describe('the imports of the library', () => {
  it('are found', () => expect(imports.size).toBeGreaterThan(200));

  it('lead in no circle', () => {
    const circular = [...imports].filter(([file, next]) => next.some((each) => loadedBy(each).has(file)));
    expect(circular.map(([file]) => named(file))).toEqual([]);
  });

  it('bring no test equipment to an application', () => {
    const loaded = [...loadedBy(join(__dirname, 'index.ts'))].map(named);
    expect(loaded).toContain('outbox-runtime.ts');
    expect(loaded.filter((file) => file.startsWith('testing/'))).toEqual([]);
  });
});
