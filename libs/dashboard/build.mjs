// Makes what a browser loads, for each folder that is named: one script and one style sheet, out of its web/ into its dist/web.
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).map((folder) => resolve(folder));

async function page(folder) {
  const outdir = join(folder, 'dist/web');
  await mkdir(outdir, { recursive: true });
  await build({
    entryPoints: [join(folder, 'web/app.tsx'), join(folder, 'web/app.css')],
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  await copyFile(join(folder, 'web/index.html'), join(outdir, 'index.html'));
  await copyFile(join(here, 'web/icon.svg'), join(outdir, 'icon.svg')); // one for all
}

for (const folder of named.length > 0 ? named : [here]) await page(folder);
