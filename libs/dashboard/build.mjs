// Makes what the browser loads: one script and one style sheet, in dist/web.
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, 'dist/web');
await mkdir(outdir, { recursive: true });
await build({
  entryPoints: [join(here, 'web/app.tsx'), join(here, 'web/app.css')],
  outdir,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) await copyFile(join(here, 'web', file), join(outdir, file));
