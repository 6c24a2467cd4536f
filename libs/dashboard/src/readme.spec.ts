import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('The lines that mount the dashboard', () => {
  // Those of its own README are compiled, by docs/documents.spec.ts; the others cannot be where only the library is installed.
  const [, lines] = /```ts\n([\s\S]*?)```/.exec(read('libs/dashboard/README.md'))!;

  it.each(['README.md', 'README.zh-CN.md'])('are the same in %s', (readme) => {
    expect(read(readme)).toContain('```typescript\n' + lines! + '```');
  });
});
