import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of this program: the sources are beside what they are compiled to. */
const PROTOCOLS = join(__dirname, '..', '..', 'src', 'protocols');

/** Lines of a protocol that are neither blank nor comment, without what only describes it to the lab. */
export async function linesOf(protocol: string): Promise<number> {
  const folder = join(PROTOCOLS, protocol);
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.spec.ts') && name !== 'index.ts');
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.replaceAll(/\/\*[\s\S]*?\*\//g, '').split('\n'))
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}
